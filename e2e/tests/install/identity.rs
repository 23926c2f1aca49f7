//! A storage without credentials: the operator takes its ServiceAccount's projected token to an STS, and a backup goes on when its session ends.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use e2e::cluster::{own_address, wait};
use e2e::kubectl::kubectl;
use e2e::runs::{status, stream};
use e2e::{bytes, install, operator, serial_case, sts};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authentication::v1::TokenReview;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use servers::{Cloud, Gives};

use super::alone;

/// Eight parts and the last.
const SIZE: usize = 44 << 20;
/// How long its command takes.
const SECONDS: u32 = 60;
/// How long a session is good, seconds. New ones are asked for when half of that is over.
const SESSION: i64 = 24;
/// A part is held back for longer than any URL is good.
const HELD_BACK: i64 = SESSION + 3;
/// The STS as the operator sees it: on its own loopback, since a token goes by TLS or stays on the machine.
const STS: &str = "127.0.0.1:9777";

/// What the STS was asked with and has given.
#[derive(Default)]
struct Told {
    tokens: Vec<String>,
    /// Access keys, and when each ends.
    ends: BTreeMap<String, Timestamp>,
}

type Shared = Arc<Mutex<Told>>;

fn locked(told: &Shared) -> std::sync::MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As docs/storages/aws.md has it for clusters without Amazon's webhook, with the STS of this process.
fn values() -> Value {
    let token =
        json!({"serviceAccountToken": {"audience": "sts.amazonaws.com", "expirationSeconds": 3600, "path": "token"}});
    json!({
        "env": [
            {"name": "AWS_REGION", "value": "us-east-1"},
            {"name": "AWS_ROLE_ARN", "value": "arn:aws:iam::123456789012:role/backups"},
            {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/aws/token"},
            {"name": "AWS_ENDPOINT_URL_STS", "value": format!("http://{STS}")},
        ],
        "volumes": [{"name": "aws", "projected": {"sources": [token]}}],
        "volumeMounts": [{"name": "aws", "mountPath": "/aws", "readOnly": true}],
    })
}

/// Beside the operator, what brings its loopback to the STS.
fn sidecar(address: &str) -> Value {
    let command = ["/stream", "proxy", STS, &format!("http://{address}"), "127.0.0.1:9778"];
    let security = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    let container = json!({
        "name": "sts", "image": "localhost/e2e/static:dev", "command": command, "securityContext": security,
    });
    json!({"spec": {"template": {"spec": {"containers": [container]}}}})
}

fn has_sidecar(pod: &Pod) -> bool {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    containers.into_iter().any(|container| container.name == "sts")
}

#[test]
fn a_backup_without_credentials_goes_on_with_new_urls_when_the_session_of_its_first_ones_ends() {
    serial_case(alone(), "identity", |case| async move {
        operator::fresh(case.client()).await;
        let told = Shared::default();
        let (gave, store) = (told.clone(), case.store().clone());
        let gives = move |token: &str| {
            let keys = sts::temporary(&store);
            let mut told = locked(&gave);
            told.tokens.push(token.to_owned());
            let end = Timestamp::now() + SignedDuration::from_secs(SESSION);
            told.ends.insert(keys.id.clone(), end);
            Some([keys.id, keys.secret, keys.token])
        };
        let cloud = Cloud {
            gives: Some(Gives::new(gives)),
            life: SignedDuration::from_secs(SESSION),
            ..Cloud::default()
        };
        let cloud = cloud.start_at(own_address(case.client()).await);
        install::restored(case.client(), async {
            install::chart(&values(), false);
            let deployments: Api<Deployment> = Api::namespaced(case.client().clone(), operator::NAMESPACE);
            let patch = Patch::Strategic(sidecar(&cloud.address));
            deployments
                .patch(install::NAME, &PatchParams::default(), &patch)
                .await
                .expect("the operator's Deployment");
            let rollout = ["rollout", "status", "deployment", install::NAME, "--timeout=180s"];
            let (done, said) = kubectl(&[&rollout[..], &["-n", operator::NAMESPACE]].concat(), "");
            assert!(done, "{said}");
            operator::up(case.client(), has_sidecar).await;

            let proxy = case.proxied_without_credentials(json!({})).await;
            let held = json!({"do": "stall", "times": 1, "seconds": HELD_BACK});
            proxy.rule("PUT", "partNumber=2&", held);
            case.keeps("db");
            let mut spec = stream(&case.path("db"), &format!("slow random {SIZE} {SECONDS}"));
            spec["storage"]["name"] = json!(proxy.storage);
            case.start("db", spec).await;
            let mut barred = Vec::new();
            wait("the backup ends", std::time::Duration::from_secs(420), || {
                // MinIO's sessions are good for a quarter of an hour at least: their end is the proxy's to keep.
                let now = Timestamp::now();
                let over = locked(&told).ends.clone().into_iter().filter(|(_, end)| *end < now);
                for (id, _) in over.collect::<Vec<_>>() {
                    if !barred.contains(&id) {
                        proxy.answers("", &id, 0, (400, "ExpiredToken", "The provided token has expired."));
                        barred.push(id);
                    }
                }
                async { status(&case.runs().get("db").await.ok()?).completion_time }
            })
            .await;
            case.ended_whole("db", SIZE, 10).await;

            let puts: Vec<_> = proxy.requests(&case.key("db"));
            let puts = puts.iter().filter(|r| r.method == "PUT");
            let (good, bad): (Vec<_>, Vec<_>) = puts.partition(|r| r.status == 200);
            let id = |r: &&e2e::proxy::Request| r.credential.split('/').next().unwrap_or_default().to_owned();
            let mut used: Vec<_> = good.iter().map(id).collect();
            used.sort();
            used.dedup();
            assert!(used.len() >= 3, "sessions that signed parts: {used:?}");
            assert!(
                used.iter().all(|id| locked(&told).ends.contains_key(id)),
                "of this STS: {used:?}"
            );
            let late = bad.iter().find(|r| r.part == "2" && (400..500).contains(&r.status));
            let late = late.unwrap_or_else(|| panic!("a URL of part 2 has ended: {bad:?}"));
            let again = good.iter().find(|r| r.part == "2").expect("part 2");
            assert!(
                id(late) != id(again) && again.date > late.date,
                "{late:?}, then {again:?}"
            );

            proxy.forget();
            let restored = status(&case.restore("db").await);
            assert_eq!(restored.log.unwrap().trim(), bytes::sum_line(&bytes::random(SIZE, 1)));

            // The token is the operator's own, and for this audience.
            let token = locked(&told).tokens.last().cloned().expect("a token");
            let review = json!({"spec": {"token": token, "audiences": ["sts.amazonaws.com"]}, "metadata": {}});
            let reviews: Api<TokenReview> = Api::all(case.client().clone());
            let review: TokenReview = serde_json::from_value(review).unwrap();
            let reviewed = reviews
                .create(&PostParams::default(), &review)
                .await
                .unwrap()
                .status
                .unwrap();
            assert_eq!(reviewed.authenticated, Some(true), "{:?}", reviewed.error);
            let name = format!("system:serviceaccount:{}:backup-operator", operator::NAMESPACE);
            assert_eq!(reviewed.user.and_then(|user| user.username), Some(name));
        })
        .await;
    });
}
