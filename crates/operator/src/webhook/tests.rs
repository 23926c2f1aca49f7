//! Requests for admission against a mocked API server.
use api::BackupRun;
use kube::ResourceExt;
use planner::run::pod::AgentSettings;
use serde_json::{Value, json};

use super::*;
use crate::mocked::{Server as Mock, answer, connect};

const OWN: &str = "system:serviceaccount:backup-operator:backup-operator";

fn shared() -> (Arc<Shared>, Mock) {
    let (client, mock) = connect();
    let agent = AgentSettings {
        image: "agent".into(),
        image_pull_policy: "Never".into(),
        cpu: "1".into(),
        memory: "1Mi".into(),
        volume: Default::default(),
    };
    let reviewer = Reviewer {
        client,
        agent,
        volumes: Default::default(),
        check_requester: true,
        notification_hosts: Default::default(),
    };
    let shared = Shared {
        reviewer,
        own: Some(OWN.into()),
        turns: Semaphore::new(SIDE_BY_SIDE),
        metrics: Default::default(),
    };
    (Arc::new(shared), mock)
}

fn asks(user: &str, run: &BackupRun) -> Request {
    let review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "1", "operation": "CREATE", "name": run.name_any(), "namespace": "team", "dryRun": false,
            "kind": {"group": "backup-operator.io", "version": "v1", "kind": "BackupRun"},
            "resource": {"group": "backup-operator.io", "version": "v1", "resource": "backupruns"},
            "userInfo": {"username": user, "groups": ["system:authenticated"]},
            "object": run,
        },
    });
    Request::new(review.to_string().into())
}

async fn said(response: Response) -> Value {
    assert_eq!(response.status(), StatusCode::OK);
    let bytes = to_bytes(response.into_body(), BODY).await.unwrap();
    let review: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(review["apiVersion"], json!("admission.k8s.io/v1"));
    assert_eq!(review["response"]["uid"], json!("1"));
    review["response"].clone()
}

fn storage(more: Value) -> Value {
    let mut spec = json!({"type": "s3", "parameters": {"bucket": "b"}});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"apiVersion": "backup-operator.io/v1", "kind": "BackupStorage", "metadata": {"name": "minio"}, "spec": spec})
}

fn allowed(yes: bool) -> Value {
    json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {}, "status": {"allowed": yes}})
}

/// Answers one request of each kind as told; in which order they come is not settled.
async fn serve(mock: &mut Mock, answers: &[(&str, u16, Value)]) -> Vec<(String, Value)> {
    let mut seen = Vec::new();
    for _ in answers {
        let (request, send) = mock.next_request().await.expect("a request");
        let (parts, content) = request.into_parts();
        let body = serde_json::from_slice(&content.collect_bytes().await.unwrap()).unwrap_or(Value::Null);
        let uri = parts.uri.to_string();
        let (_, code, say) = answers
            .iter()
            .find(|(part, ..)| uri.contains(part))
            .unwrap_or_else(|| panic!("{uri}"));
        let bytes = say.to_string().into_bytes();
        send.send_response(
            http::Response::builder()
                .status(*code)
                .body(kube::client::Body::from(bytes))
                .unwrap(),
        );
        seen.push((uri, body));
    }
    seen
}

/// Who asks may not list what could select a Pod without labels.
async fn no_neighbours(mock: &mut Mock) {
    let look = ("/subjectaccessreviews", 201, allowed(false));
    serve(mock, &[look.clone(), look]).await;
}

#[tokio::test]
async fn a_schedule_tells_nobody_whom_the_installation_does_not_list() {
    let key = json!({"name": "keys", "key": "hmac"});
    let notifications = json!([{"name": "a", "webhook": {"url": "http://169.254.169.254/", "signingKey": key}}]);
    let spec =
        json!({"schedule": "@daily", "notifications": notifications, "template": {"spec": testing::backup_run().spec}});
    let object = json!({"apiVersion": "backup-operator.io/v1", "kind": "BackupSchedule", "metadata": {"name": "s"}, "spec": spec});
    for (hosts, says) in [
        ("", "spec.notifications: this installation sends no notifications"),
        (
            "*.example.com",
            "spec.notifications[0].webhook.url: the host 169.254.169.254 is not one",
        ),
    ] {
        let (client, _mock) = connect();
        let reviewer = Reviewer {
            client,
            agent: Arc::into_inner(shared().0).unwrap().reviewer.agent,
            volumes: Default::default(),
            check_requester: false,
            notification_hosts: hosts.parse().unwrap(),
        };
        let asked = Asked {
            kind: "BackupSchedule".into(),
            namespace: Some("team".into()),
            object: serde_json::value::to_raw_value(&object).unwrap(),
            user: Default::default(),
        };
        let message = reviewer.review(asked).await.unwrap().message();
        assert!(
            message.starts_with(says) && message.contains("--notification-hosts"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn what_the_operator_makes_itself_is_admitted_without_a_look() {
    let (shared, _mock) = shared();
    let mut run = testing::backup_run();
    run.spec.storage.path = "wrong".into();
    assert_eq!(
        said(validate(State(shared), asks(OWN, &run)).await).await["allowed"],
        json!(true)
    );
}

#[tokio::test]
async fn all_faults_are_said_at_once_and_before_anybody_is_asked() {
    let (shared, _mock) = shared();
    let mut run = testing::backup_run();
    run.spec.storage.path = "/{{ nowt }}".into();
    run.spec.backup.as_mut().unwrap().container = Some("mian".into());
    let said = said(validate(State(shared), asks("eve", &run)).await).await;
    assert_eq!(
        (&said["allowed"], &said["status"]["code"]),
        (&json!(false), &json!(422))
    );
    let message = said["status"]["message"].as_str().unwrap();
    for part in [
        "2 faults:",
        "* spec.backup.container: ",
        "did you mean \"main\"",
        "* spec.storage.path: ",
    ] {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
}

#[tokio::test]
async fn who_may_not_create_pods_is_refused_and_learns_nothing_of_the_pod() {
    let (shared, mut mock) = shared();
    let run = testing::backup_run();
    let asked = tokio::spawn(validate(State(shared), asks("eve", &run)));
    let seen = serve(
        &mut mock,
        &[
            ("/backupstorages/minio", 200, storage(json!({}))),
            ("/subjectaccessreviews", 201, allowed(false)),
        ],
    )
    .await;
    let said = said(asked.await.unwrap()).await;
    assert_eq!(
        (&said["allowed"], &said["status"]["code"]),
        (&json!(false), &json!(403)),
        "{said}"
    );
    assert!(
        said["status"]["message"]
            .as_str()
            .unwrap()
            .contains("eve may not create pods in namespace \"team\""),
        "{said}"
    );
    let (_, question) = seen.iter().find(|(uri, _)| uri.contains("subjectaccess")).unwrap();
    assert_eq!(question["spec"]["user"], json!("eve"));
    assert_eq!(question["spec"]["groups"], json!(["system:authenticated"]));
}

#[tokio::test]
async fn a_storage_that_the_namespace_may_not_use_refuses_its_runs() {
    let (shared, mut mock) = shared();
    let run = testing::backup_run();
    let asked = tokio::spawn(validate(State(shared), asks("eve", &run)));
    let none = storage(json!({"allowedNamespaces": {"from": "None"}}));
    serve(
        &mut mock,
        &[
            ("/backupstorages/minio", 200, none),
            ("/subjectaccessreviews", 201, allowed(true)),
        ],
    )
    .await;
    let said = said(asked.await.unwrap()).await;
    assert_eq!(said["status"]["code"], json!(422), "{said}");
    assert!(
        said["status"]["message"]
            .as_str()
            .unwrap()
            .starts_with("spec.storage.name: "),
        "{said}"
    );
}

#[tokio::test]
async fn the_storages_of_copies_are_looked_at_as_the_runs_own_is() {
    let copies = |names: &[&str]| {
        let mut run = testing::backup_run();
        run.spec.retain_policy = Some(api::run::RetainPolicy::Delete);
        run.spec.copies = names
            .iter()
            .map(|name| serde_json::from_value(json!({"storage": name})).unwrap())
            .collect();
        run
    };
    let none = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404, "reason": "NotFound", "message": "no"});
    let (shared_, mut mock) = shared();
    let asked = tokio::spawn(validate(State(shared_), asks("eve", &copies(&["far", "closed"]))));
    let closed = storage(json!({"allowedNamespaces": {"from": "None"}}));
    let answers = [
        ("/backupstorages/minio", 200, storage(json!({}))),
        ("/backupstorages/far", 404, none.clone()),
        ("/backupstorages/closed", 200, closed),
        ("/subjectaccessreviews", 201, allowed(true)),
    ];
    serve(&mut mock, &answers).await;
    let refused = said(asked.await.unwrap()).await;
    let words = refused["status"]["message"].as_str().unwrap();
    assert!(words.starts_with("spec.copies[1].storage: "), "{words}");

    let (shared_, mut mock) = shared();
    let asked = tokio::spawn(validate(State(shared_), asks("eve", &copies(&["far", "odd"]))));
    let mut odd = storage(json!({}));
    odd["status"] = json!({"capabilities": {"checksum": "sha256", "metadata": false, "deletable": false}});
    let answers = [
        ("/backupstorages/minio", 200, storage(json!({}))),
        ("/backupstorages/far", 404, none),
        ("/backupstorages/odd", 200, odd),
        ("/subjectaccessreviews", 201, allowed(true)),
    ];
    serve(&mut mock, &answers).await;
    no_neighbours(&mut mock).await;
    let taken = json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "trial"}});
    answer(&mut mock, 201, taken).await;
    let warned = said(asked.await.unwrap()).await;
    assert_eq!(warned["allowed"], json!(true), "{warned}");
    let warnings = warned["warnings"].to_string();
    for part in [
        "spec.copies[0].storage: there is no BackupStorage \\\"far\\\" yet; the copy waits for it",
        "spec.copies[1].storage: the storage does not give back what objects are labelled with",
        "spec.copies[1].storage: the copy cannot be removed with the run",
    ] {
        assert!(warnings.contains(part), "{part} {warnings}");
    }
}

#[tokio::test]
async fn a_pod_that_would_be_refused_refuses_the_run() {
    let (shared, mut mock) = shared();
    let run = testing::backup_run();
    let asked = tokio::spawn(validate(State(shared), asks("eve", &run)));
    serve(
        &mut mock,
        &[
            ("/backupstorages/minio", 200, storage(json!({}))),
            ("/subjectaccessreviews", 201, allowed(true)),
        ],
    )
    .await;
    no_neighbours(&mut mock).await;
    let refusal = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403, "reason": "Forbidden", "message": "exceeded quota: small"});
    let (method, uri, _) = answer(&mut mock, 403, refusal).await;
    assert!(
        method == "POST" && uri.contains("/namespaces/team/pods?") && uri.contains("dryRun=All"),
        "{method} {uri}"
    );
    let said = said(asked.await.unwrap()).await;
    let words = said["status"]["message"].as_str().unwrap();
    assert!(
        words.starts_with("spec.template: the run would get no Pod: exceeded quota: small (")
            && words.contains("spec.agent.resources"),
        "{words}"
    );
}

#[tokio::test]
async fn a_pod_that_is_refused_for_its_image_volume_is_tried_with_an_init_container() {
    let refusal = |why: &str| json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403, "reason": "Forbidden", "message": why});
    let taken = json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "trial"}});
    for (second, allowed_is) in [((201, taken), true), ((403, refusal("exceeded quota: small")), false)] {
        let (shared, mut mock) = shared();
        shared.reviewer.volumes.tell(Some(1), Vec::new());
        let run = testing::backup_run();
        let asked = tokio::spawn(validate(State(shared), asks("eve", &run)));
        let answers = [
            ("/backupstorages/minio", 200, storage(json!({}))),
            ("/subjectaccessreviews", 201, allowed(true)),
        ];
        serve(&mut mock, &answers).await;
        no_neighbours(&mut mock).await;
        let (_, _, first) = answer(&mut mock, 403, refusal("image volumes are not allowed")).await;
        let (code, body) = second;
        let (_, _, other) = answer(&mut mock, code, body).await;
        let inits = |pod: &Value| pod["spec"]["initContainers"].as_array().map_or(0, Vec::len);
        assert_eq!((inits(&first), inits(&other)), (0, 1));
        let said = said(asked.await.unwrap()).await;
        assert_eq!(said["allowed"], json!(allowed_is), "{said}");
        assert!(
            allowed_is || said["status"]["message"].as_str().unwrap().contains("exceeded quota"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn labels_by_which_a_service_would_find_the_pod_are_told_of_to_who_may_list_services() {
    for may in [true, false] {
        let (shared, mut mock) = shared();
        let mut run = testing::backup_run();
        run.spec.template.metadata = serde_json::from_value(json!({"labels": {"app": "db"}})).unwrap();
        let asked = tokio::spawn(validate(State(shared), asks("eve", &run)));
        serve(
            &mut mock,
            &[
                ("/backupstorages/minio", 200, storage(json!({}))),
                ("/subjectaccessreviews", 201, allowed(true)),
            ],
        )
        .await;
        let list = |kind: &str, items: Value| json!({"kind": format!("{kind}List"), "apiVersion": "v1", "metadata": {}, "items": items});
        let selects = json!([{"metadata": {"name": "shop"}, "spec": {"selector": {"app": "db"}}}]);
        let look = ("/subjectaccessreviews", 201, allowed(may));
        let mut answers = vec![look.clone(), look.clone(), look];
        if may {
            answers.push(("/services", 200, list("Service", selects)));
            answers.push(("/poddisruptionbudgets", 200, list("PodDisruptionBudget", json!([]))));
            answers.push(("/networkpolicies", 200, list("NetworkPolicy", json!([]))));
        }
        serve(&mut mock, &answers).await;
        answer(
            &mut mock,
            201,
            json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "trial"}}),
        )
        .await;
        let said = said(asked.await.unwrap()).await;
        let warned = said["warnings"]
            .to_string()
            .contains("Service \\\"shop\\\" selects these labels");
        assert_eq!((said["allowed"].as_bool(), warned), (Some(true), may), "{said}");
    }
}

#[tokio::test]
async fn nothing_is_admitted_that_could_not_be_looked_at() {
    let (shared, mut mock) = shared();
    let run = testing::backup_run();
    let asked = tokio::spawn(validate(State(shared), asks("eve", &run)));
    let down = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403, "reason": "Forbidden", "message": "no"});
    serve(
        &mut mock,
        &[
            ("/backupstorages/minio", 403, down),
            ("/subjectaccessreviews", 201, allowed(true)),
        ],
    )
    .await;
    let said = said(asked.await.unwrap()).await;
    assert_eq!(
        (&said["allowed"], &said["status"]["code"]),
        (&json!(false), &json!(503)),
        "{said}"
    );
    assert!(
        said["status"]["message"].as_str().unwrap().contains("try again"),
        "{said}"
    );
}

#[test]
fn large_requests_take_the_turns_of_many_small_ones() {
    let unit = BODY / SIDE_BY_SIDE;
    for (bytes, taken) in [
        (0, 1),
        (1, 1),
        (unit, 1),
        (unit + 1, 2),
        (BODY / 2, 8),
        (BODY, 16),
        (usize::MAX, 16),
    ] {
        assert_eq!(turns(bytes), taken, "{bytes}");
    }
}

#[tokio::test]
async fn what_is_too_large_or_no_review_is_refused_in_words() {
    let sent = |length: Option<usize>, body: String| {
        let mut request = Request::new(body.into());
        if let Some(length) = length {
            request.headers_mut().insert(CONTENT_LENGTH, length.into());
        }
        request
    };
    for (request, code, words) in [
        (sent(Some(BODY + 1), String::new()), 413, "too large"),
        (sent(None, " ".repeat(BODY + 1)), 400, "whole"),
        (sent(Some(10), " ".repeat(11)), 400, "whole"),
        (sent(None, "{\"request\": 1}".into()), 400, "no AdmissionReview"),
        (sent(None, "nonsense".into()), 400, "no AdmissionReview"),
    ] {
        let response = validate(State(shared().0), request).await;
        assert_eq!(response.status().as_u16(), code, "{words}");
        let said = to_bytes(response.into_body(), BODY).await.unwrap();
        assert!(String::from_utf8_lossy(&said).contains(words), "{said:?}");
    }
}
