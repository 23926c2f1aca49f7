//! How long an operator takes from its start until it is ready, on a cluster without objects: without a lease, which waits for others.
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use servers::{Program, free_port};
use tokio::runtime::Runtime;

use crate::api_server::{Etcd, kubeconfig};
use crate::bench::{install, program};
use crate::build::Build;
use crate::operator::NAMESPACE;
use crate::table::{Figures, markdown};

/// What is installed, of which the webhook's configuration is wanted.
const MANIFESTS: &str = include_str!("../../../deploy/install.yaml");
/// What the webhook's certificate lies in.
const CERTIFICATE: &str = "backup-operator-webhook";
/// Between two looks at it.
const LOOK: Duration = Duration::from_millis(2);
/// It has failed then.
const LONGEST: Duration = Duration::from_secs(60);

/// Measures each build, so often.
pub fn run(threads: &Runtime, rounds: usize, builds: &[Build]) {
    let folder = tempfile::Builder::new().prefix("cold-").tempdir().expect("a folder");
    let etcd = threads.block_on(async { Etcd::start(&program("NODE_BIN"), folder.path()) });
    let server = threads.block_on(etcd.serve("api-server"));
    threads.block_on(async {
        install(&server.client).await;
        webhook(&server.client).await;
    });
    let mut all: Vec<_> = builds.iter().map(|b| (b.name.clone(), Vec::new())).collect();
    for round in 0..rounds {
        for (build, (_, figures)) in builds.iter().zip(&mut all) {
            eprintln!("round {}, {}", round + 1, build.name);
            let mut seen = Figures::default();
            let mut one = |what: &str, webhook: bool| {
                let (serves, ready) = ready(build, server.port, webhook, folder.path());
                seen.add(&format!("{what}: to its port, ms"), serves.as_secs_f64() * 1e3);
                seen.add(&format!("{what}: to ready, ms"), ready.as_secs_f64() * 1e3);
            };
            one("without the webhook", false);
            threads.block_on(forget(&server.client));
            one("for the first time, it makes its certificate", true);
            one("again, with that certificate", true);
            figures.push(seen);
        }
    }
    println!("{}", markdown("From the start of the process", &all));
    server.end();
}

/// The configuration, as it is installed.
async fn webhook(client: &Client) {
    let document = MANIFESTS
        .split("\n---\n")
        .find(|text| text.contains("\nkind: ValidatingWebhookConfiguration\n"));
    let configuration: ValidatingWebhookConfiguration =
        serde_yaml_ng::from_str(document.expect("the webhook's configuration")).expect("one");
    let all: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    all.create(&PostParams::default(), &configuration)
        .await
        .expect("it is made");
}

/// As if no operator had been there.
async fn forget(client: &Client) {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), NAMESPACE);
    // Of the first round there is none.
    let _ = secrets.delete(CERTIFICATE, &DeleteParams::default()).await;
    let all: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let mut webhooks = all.get(NAMESPACE).await.expect("the configuration").webhooks;
    for webhook in webhooks.iter_mut().flatten() {
        webhook.client_config.ca_bundle = None;
    }
    let patch = Patch::Merge(json!({ "webhooks": webhooks }));
    all.patch(NAMESPACE, &PatchParams::default(), &patch)
        .await
        .expect("nobody is trusted");
}

/// From its start until its port answers, and until it is ready.
fn ready(build: &Build, port: u16, webhook: bool, folder: &Path) -> (Duration, Duration) {
    let file = folder.join("kubeconfig");
    fs::write(&file, kubeconfig(port, NAMESPACE, folder)).expect("a file for a kubeconfig");
    let (health, asked) = (
        format!("127.0.0.1:{}", free_port()),
        format!("127.0.0.1:{}", free_port()),
    );
    let environment = [
        ("KUBECONFIG", file.to_str().expect("a path")),
        ("AGENT_IMAGE", "localhost/backup-operator:dev"),
        ("POD_NAME", "cold"),
        ("HEALTH_ADDRESS", &health),
        ("WEBHOOK", if webhook { "true" } else { "false" }),
        ("WEBHOOK_ADDRESS", &asked),
        ("LEADER_ELECTION", "false"),
    ];
    let began = Instant::now();
    let mut operator = Program::start(&build.name, &build.program, &[], &environment, folder);
    let mut serves = None;
    loop {
        let answer = ask(&health);
        let now = began.elapsed();
        if answer.is_some() {
            serves = serves.or(Some(now));
        }
        if answer.is_some_and(|answer| answer.contains(" 200 ")) {
            operator.end();
            return (serves.unwrap_or(now), now);
        }
        assert!(operator.is_alive(), "{} has ended: {}", build.name, operator.tail());
        assert!(now < LONGEST, "{} is not ready: {}", build.name, operator.tail());
        std::thread::sleep(LOOK);
    }
}

/// The line of the status that it answers with.
fn ask(address: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.lines().next().map(Into::into)
}
