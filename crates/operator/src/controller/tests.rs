//! What is asked of the API server to see everything, and when all of it has been seen.
use std::collections::BTreeSet;
use std::time::Duration;

use futures::FutureExt;
use http::Response;
use kube::client::Body;
use serde_json::{Value, json};
use tower_test::mock::SendResponse;

use super::*;
use crate::mocked::{Server, connect};

const GROUP: &str = "/apis/backup-operator.io/v1";
/// The server is asked at once; this is for a machine that stands still.
const ASKED: Duration = Duration::from_secs(10);

fn agent() -> AgentSettings {
    AgentSettings {
        image: "operator".into(),
        image_pull_policy: "IfNotPresent".into(),
        cpu: "100m".into(),
        memory: "32Mi".into(),
        volume: planner::run::AgentVolume::InitContainer,
    }
}

/// A request without an answer yet.
struct Asked {
    path: String,
    query: String,
    send: SendResponse<Response<Body>>,
}

async fn asked(server: &mut Server) -> Asked {
    let next = tokio::time::timeout(ASKED, server.next_request()).await;
    let (request, send) = next.expect("a request in time").expect("a request");
    let uri = request.uri().clone();
    Asked {
        path: uri.path().into(),
        query: uri.query().unwrap_or_default().into(),
        send,
    }
}

/// All that is there, streamed: as an API server does that has KEP-3157. What follows is asked for anew.
fn list(items: Value) -> Response<Body> {
    let added = items
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| json!({"type": "ADDED", "object": item}));
    let end = json!({"resourceVersion": "1", "annotations": {"k8s.io/initial-events-end": "true"}});
    let end = json!({"type": "BOOKMARK", "object": {"kind": "List", "apiVersion": "v1", "metadata": end}});
    let lines: Vec<_> = added.chain([end]).map(|event| format!("{event}\n")).collect();
    Response::new(Body::from(lines.concat().into_bytes()))
}

/// All that is there, in a page.
fn page(items: Value) -> Response<Body> {
    let body = json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items});
    Response::new(Body::from(body.to_string().into_bytes()))
}

/// As an API server answers that streams no lists.
fn invalid() -> Response<Body> {
    let words = "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled";
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Invalid", "code": 422, "message": words});
    let mut response = Response::new(Body::from(body.to_string().into_bytes()));
    *response.status_mut() = http::StatusCode::UNPROCESSABLE_ENTITY;
    response
}

fn paths(asked: &[Asked]) -> BTreeSet<&str> {
    asked.iter().map(|a| a.path.as_str()).collect()
}

/// Which cluster it is, is asked before anything is decided.
fn is_about_the_cluster(asked: &Asked) -> bool {
    asked.path == "/api/v1/namespaces/kube-system"
}

fn kube_system() -> Response<Body> {
    let body = json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {"name": "kube-system", "uid": "here"}});
    Response::new(Body::from(body.to_string().into_bytes()))
}

/// The operator at work on a mocked cluster, and the lists that it asks for first.
async fn started(scope: Scope, lists: usize) -> (Ready, Server, Vec<Asked>) {
    let (client, mut server) = connect();
    let ready = Ready::default();
    ready.leads(&NEEDED);
    let settings = Settings {
        agent: agent(),
        volumes: Default::default(),
        proxies: Proxies::default(),
        identity: store::Identity::none(),
        at_once: None,
        notify: Default::default(),
        metrics: Default::default(),
        own_store: Default::default(),
        completions: Default::default(),
        tenure: Default::default(),
    };
    runtime::spawn(run(client, scope, settings, ready.clone()));
    let mut all = Vec::new();
    for _ in 0..lists {
        all.push(asked(&mut server).await);
    }
    for one in &all {
        assert!(
            one.query.contains("sendInitialEvents=true"),
            "{}?{}",
            one.path,
            one.query
        );
        assert_eq!(
            one.path.ends_with("/pods"),
            one.query.contains("labelSelector"),
            "{}",
            one.query
        );
    }
    (ready, server, all)
}

#[tokio::test]
async fn without_namespaces_each_kind_has_one_watch_over_all() {
    let (ready, mut server, lists) = started(Scope::All, 5).await;
    let wanted = [
        format!("{GROUP}/backupdrills"),
        format!("{GROUP}/backupruns"),
        format!("{GROUP}/backupschedules"),
        format!("{GROUP}/backupstorages"),
        "/api/v1/pods".into(),
    ];
    assert_eq!(paths(&lists), wanted.iter().map(String::as_str).collect());
    for one in lists {
        one.send.send_response(list(json!([])));
    }
    tokio::time::timeout(ASKED, ready.wait()).await.expect("ready");
    let mut watches = Vec::new();
    while watches.len() < wanted.len() {
        let one = asked(&mut server).await;
        if !is_about_the_cluster(&one) {
            watches.push(one);
        }
    }
    assert!(watches.iter().all(|w| w.query.contains("watch=true")));
    assert_eq!(paths(&watches), wanted.iter().map(String::as_str).collect());
}

#[tokio::test]
async fn an_operator_that_was_updated_before_the_crd_of_drills_works() {
    let (ready, _server, lists) = started(Scope::All, 5).await;
    for one in lists {
        let answer = if one.path.ends_with("/backupdrills") {
            let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404, "message": "no such kind"});
            let mut response = Response::new(Body::from(body.to_string().into_bytes()));
            *response.status_mut() = http::StatusCode::NOT_FOUND;
            response
        } else {
            list(json!([]))
        };
        one.send.send_response(answer);
    }
    tokio::time::timeout(ASKED, ready.wait()).await.expect("ready");
}

#[tokio::test]
async fn an_api_server_that_streams_no_lists_is_asked_for_pages() {
    let (ready, mut server, streams) = started(Scope::All, 5).await;
    for one in streams {
        one.send.send_response(invalid());
    }
    let mut seen = BTreeSet::new();
    while seen.len() < KINDS.len() {
        let one = asked(&mut server).await;
        assert!(!one.query.contains("watch"), "{}?{}", one.path, one.query);
        assert!(one.query.contains(&format!("limit={PAGE}")), "{}", one.query);
        seen.insert(one.path.clone());
        one.send.send_response(page(json!([])));
    }
    tokio::time::timeout(ASKED, ready.wait()).await.expect("ready");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_never_says_that_it_has_ended_is_asked_for_in_pages() {
    use watcher::Event::{Apply, Init, InitApply, InitDone};
    let cases = [
        // Nothing follows.
        (vec![], true, 0),
        (vec![Init, InitApply(1)], true, 2),
        // It ends, and is begun anew.
        (vec![Init, InitApply(1), Init, InitApply(1)], true, 2),
        // One that has ended may be quiet for long, and come again.
        (vec![Init, InitDone, Apply(1), Init, InitDone, Init], false, 6),
    ];
    for (events, ends, told) in cases {
        let events = stream::iter(events.into_iter().map(Ok)).chain(stream::pending());
        let heard = std::cell::Cell::new(0);
        let all = while_it_lists(events).for_each(|_| {
            heard.set(heard.get() + 1);
            std::future::ready(())
        });
        let ended = timeout(SILENCE * 10, all).await.is_ok();
        assert_eq!((ended, heard.get()), (ends, told));
    }
}

#[tokio::test]
async fn with_namespaces_nothing_but_storages_is_watched_outside_them_and_every_watch_is_waited_for() {
    let scope = Scope::parse("a,b").unwrap();
    let (ready, mut server, mut lists) = started(scope, 9).await;
    let mut wanted = vec![format!("{GROUP}/backupstorages")];
    for namespace in ["a", "b"] {
        wanted.push(format!("{GROUP}/namespaces/{namespace}/backupschedules"));
        wanted.push(format!("{GROUP}/namespaces/{namespace}/backupdrills"));
        wanted.push(format!("{GROUP}/namespaces/{namespace}/backupruns"));
        wanted.push(format!("/api/v1/namespaces/{namespace}/pods"));
    }
    let wanted: BTreeSet<_> = wanted.iter().map(String::as_str).collect();
    assert_eq!(paths(&lists), wanted);

    let at = lists
        .iter()
        .position(|l| l.path.ends_with("namespaces/b/pods"))
        .unwrap();
    let last = lists.remove(at);
    for one in lists {
        one.send.send_response(list(json!([])));
    }
    // Each that has listed watches: eight are, and the operator works not yet.
    let mut watches = Vec::new();
    for _ in 0..wanted.len() - 1 {
        watches.push(asked(&mut server).await);
    }
    assert!(watches.iter().all(|w| w.query.contains("watch=true")));
    assert!(
        ready.wait().now_or_never().is_none(),
        "the Pods of b have not been seen"
    );
    last.send.send_response(list(json!([])));
    tokio::time::timeout(ASKED, ready.wait()).await.expect("ready");
    while watches.len() < wanted.len() {
        let one = asked(&mut server).await;
        if !is_about_the_cluster(&one) {
            watches.push(one);
        }
    }
    assert_eq!(paths(&watches), wanted);
}

#[tokio::test]
async fn runs_of_every_watched_namespace_are_worked_on() {
    let (_ready, mut server, lists) = started(Scope::parse("a,b").unwrap(), 9).await;
    for one in lists {
        let items = match one.path.strip_suffix("/backupruns").and_then(|p| p.rsplit_once('/')) {
            Some((_, namespace)) => {
                let mut run = serde_json::to_value(testing::backup_run()).unwrap();
                run["metadata"] =
                    json!({"name": "r", "namespace": namespace, "uid": namespace, "resourceVersion": "1"});
                json!([run])
            }
            None => json!([]),
        };
        one.send.send_response(list(items));
    }
    // Their storage does not exist, which is reported of both.
    let mut reported = BTreeSet::new();
    let mut held = Vec::new();
    while reported.len() < 2 {
        let one = asked(&mut server).await;
        if is_about_the_cluster(&one) {
            one.send.send_response(kube_system());
            continue;
        }
        if one.path.ends_with("/backupruns/r/status") || one.path.ends_with("/backupruns/r") {
            reported.insert(one.path.split('/').nth(5).unwrap_or_default().to_string());
        }
        held.push(one);
    }
    assert_eq!(reported, BTreeSet::from(["a".into(), "b".into()]));
}

#[tokio::test]
async fn a_run_that_cannot_be_read_stops_no_watch_and_is_let_go_when_it_is_deleted() {
    let (ready, mut server, lists) = started(Scope::All, 5).await;
    for one in lists {
        let items = if one.path.ends_with("/backupruns") {
            let mut bad = serde_json::to_value(testing::backup_run()).unwrap();
            bad["metadata"] = json!({
                "name": "bad", "namespace": "eve", "uid": "b", "resourceVersion": "7",
                "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": [labels::FINALIZER, "eve/hers"],
            });
            bad["status"] = json!({"startTime": "9999-12-31T23:59:59Z"});
            let mut good = serde_json::to_value(testing::backup_run()).unwrap();
            good["metadata"] = json!({"name": "good", "namespace": "team", "uid": "g", "resourceVersion": "1"});
            json!([bad, good])
        } else {
            json!([])
        };
        one.send.send_response(list(items));
    }
    tokio::time::timeout(ASKED, ready.wait()).await.expect("ready");
    // The one is worked on; of the other it is said, and then it is let go.
    let (mut worked_on, mut let_go) = (false, false);
    let mut held = Vec::new();
    while !(worked_on && let_go) {
        let one = asked(&mut server).await;
        if is_about_the_cluster(&one) {
            one.send.send_response(kube_system());
            continue;
        }
        worked_on |= one.path.contains("/team/backupruns/good");
        let_go |= one.path == format!("{GROUP}/namespaces/eve/backupruns/bad");
        if one.path.ends_with("/namespaces/eve/events") {
            one.send.send_response(Response::new(Body::from(b"{}".to_vec())));
        } else {
            held.push(one);
        }
    }
}

#[tokio::test]
async fn a_run_that_is_gone_takes_what_is_known_of_it_along() {
    let context = crate::mocked::context(connect().0, Default::default()).0;
    let handle = context
        .registry
        .open(&testing::backup_run(), "u", "backup-1", std::time::Instant::now())
        .unwrap();
    context.failures.again("u");
    context.forget("u");
    assert!(handle.orders().cancel.is_some(), "its session ends");
    assert_eq!(context.registry.view("u"), planner::run::TransferView::None);
    assert_eq!(context.failures.again("u"), Failures::default().again("u"));
}
