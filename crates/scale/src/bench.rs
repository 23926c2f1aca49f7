//! The rounds: for each size a cluster of its own, on which each build has its turn.
mod round;

use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::Client;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::api_server::{ApiServer, Etcd};
use crate::build::Build;
use crate::fixture::{Fixture, Size, requests::Requests};
use crate::gate::Gate;
use crate::operator::NAMESPACE;
use crate::table::{Figures, markdown};
use servers::Program;

/// The kinds, as they are installed.
const KINDS: &str = include_str!("../../../deploy/crds.yaml");
/// The node that KWOK answers for.
const NODE: &str = "kwok";

/// A cluster with so many objects in it.
struct Place {
    etcd: Etcd,
    first: ApiServer,
    gate: Gate,
    size: Size,
    lease: bool,
    folder: PathBuf,
    _kwok: Program,
}

/// Measures each build at each size.
pub fn run(threads: &Runtime, sizes: &[usize], rounds: usize, builds: &[Build], lease: bool) {
    for runs in sizes {
        let folder = tempfile::Builder::new().prefix("scale-").tempdir().expect("a folder");
        let store = servers::Running::start(servers::server("minio"));
        store.bucket("scale");
        let figures = threads.block_on(async {
            let place = Place::make(Size::of_runs(*runs), folder.path(), &store.endpoint(), lease).await;
            place.measure(rounds, builds).await
        });
        let title = format!("{runs} finished runs, {} schedules", Size::of_runs(*runs).schedules);
        println!("{}", markdown(&title, &figures));
    }
}

impl Place {
    async fn make(size: Size, folder: &Path, store: &str, lease: bool) -> Self {
        let node = program("NODE_BIN");
        let etcd = Etcd::start(&node, folder);
        let sampled = etcd.serve("samples").await;
        install(&sampled.client).await;
        let fixture = Fixture::sample(&sampled.client, size, store).await;
        // One that comes up on all of it reads it once; this one would be told of every object.
        sampled.end();
        fixture.fill(&etcd.client()).await;
        let first = etcd.serve("first").await;
        let kwok = kwok(&first, folder).await;
        let gate = Gate::open(first.port).await;
        Self {
            etcd,
            first,
            gate,
            size: fixture.size,
            lease,
            folder: folder.into(),
            _kwok: kwok,
        }
    }

    async fn measure(&self, rounds: usize, builds: &[Build]) -> Vec<(String, Vec<Figures>)> {
        let mut all: Vec<_> = builds.iter().map(|b| (b.name.clone(), Vec::new())).collect();
        for round in 0..rounds {
            for (build, (_, figures)) in builds.iter().zip(&mut all) {
                eprintln!("{} runs, round {}, {}", self.size.runs(), round + 1, build.name);
                figures.push(self.round(build).await);
            }
        }
        all
    }
}

/// A program that a variable names.
pub(crate) fn program(variable: &str) -> PathBuf {
    let path = std::env::var_os(variable).map(PathBuf::from);
    path.unwrap_or_else(|| panic!("{variable} names no program: run `make bench-scale`"))
}

/// The kinds, and where the operator's lease is.
pub(crate) async fn install(client: &Client) {
    let requests = Requests::new(client.clone());
    for document in serde_yaml_ng::Deserializer::from_str(KINDS) {
        let kind: Value = serde::Deserialize::deserialize(document).expect("a kind");
        let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        requests.create(path, &kind).await;
    }
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } });
    requests.create("/api/v1/namespaces", &namespace).await;
    for kind in ["backupruns", "backupschedules", "backupstorages"] {
        while client
            .request_text(
                http::Request::get(format!("/apis/backup-operator.io/v1/{kind}?limit=1"))
                    .body(Vec::new())
                    .expect("a request"),
            )
            .await
            .is_err()
        {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// A node that is not there, and what answers for it.
async fn kwok(server: &ApiServer, folder: &Path) -> Program {
    let node = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": { "name": NODE, "annotations": { "kwok.x-k8s.io/node": "fake" }, "labels": { "kubernetes.io/os": "linux" } },
    });
    Requests::new(server.client.clone())
        .create("/api/v1/nodes", &node)
        .await;
    let file = folder.join("kwok.kubeconfig");
    let kubeconfig = crate::api_server::kubeconfig(server.port, "default", folder);
    std::fs::write(&file, kubeconfig).expect("a file for a kubeconfig");
    let arguments = [
        format!("--kubeconfig={}", file.display()),
        "--manage-all-nodes=true".into(),
    ];
    Program::start("kwok", &program("KWOK_BIN"), &arguments, &[], folder)
}
