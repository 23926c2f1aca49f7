//! What a name that is taken means when a run is created, and what a run that has changed means when it is deleted.
use api::labels;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde_json::Value;
use testing::backup_run;

use super::*;
use crate::mocked::{answer, api, conflict, exists};

fn run(owner: &str, triggered: bool) -> BackupRun {
    let mut run = backup_run();
    run.metadata.owner_references = Some(vec![OwnerReference {
        uid: owner.into(),
        ..OwnerReference::default()
    }]);
    if triggered {
        run.annotations_mut().insert(labels::TRIGGERED.into(), "now".into());
    }
    run
}

#[tokio::test]
async fn a_run_that_exists_is_the_run_of_this_tick_only_if_the_schedule_made_it_for_it() {
    for (wanted, there, ours) in [
        (run("s", false), run("s", false), true),
        (run("s", true), run("s", true), true),
        (run("s", false), run("other", false), false),
        (run("s", true), run("s", false), false),
        (run("s", false), run("s", true), false),
    ] {
        let (api, mut server) = api();
        let (done, _) = tokio::join!(create(&api, &wanted, "s"), async {
            let (method, ..) = answer(&mut server, 409, exists()).await;
            assert_eq!(method, "POST");
            answer(&mut server, 200, serde_json::to_value(&there).unwrap()).await
        });
        assert_eq!(
            done.unwrap().is_some(),
            ours,
            "{:?} {:?}",
            wanted.metadata,
            there.metadata
        );
    }
}

#[tokio::test]
async fn a_run_that_went_away_while_its_name_was_taken_is_created_by_the_next_pass() {
    let (api, mut server) = api();
    let wanted = run("s", false);
    let (done, _) = tokio::join!(create(&api, &wanted, "s"), async {
        answer(&mut server, 409, exists()).await;
        let gone: Value = serde_json::json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "gone", "reason": "NotFound", "code": 404
        });
        answer(&mut server, 404, gone).await
    });
    assert!(matches!(done, Err(WriteError::Stale)), "{done:?}");
}

#[tokio::test]
async fn a_run_is_created_in_one_request() {
    let (api, mut server) = api();
    let wanted = run("s", false);
    let answered = answer(&mut server, 201, serde_json::to_value(&wanted).unwrap());
    let (done, _) = tokio::join!(create(&api, &wanted, "s"), answered);
    assert!(done.unwrap().is_some());
}

#[tokio::test]
async fn a_conflict_that_is_not_about_the_name_is_a_refusal_with_its_words() {
    let (api, mut server) = api();
    let wanted = run("s", false);
    let (done, _) = tokio::join!(create(&api, &wanted, "s"), answer(&mut server, 409, conflict()));
    let error = done.unwrap_err();
    assert!(matches!(error, WriteError::Refused(..)), "{error:?}");
    assert!(crate::events::causes(&error).contains("old"), "the API server's words");
}

fn as_json(run: &BackupRun) -> Value {
    serde_json::to_value(run).unwrap()
}

#[tokio::test]
async fn a_run_that_has_changed_since_it_was_to_be_rotated_is_left_for_the_next_pass() {
    let run = backup_run();
    let gone: Value = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "gone", "reason": "NotFound", "code": 404
    });
    for (code, body, done) in [(200, as_json(&run), true), (404, gone, true), (409, conflict(), false)] {
        let (api, mut server) = api();
        let doomed = Doomed::new(&run, Why::Rotated("over the limit".into()));
        let (deleted, (method, _, sent)) = tokio::join!(delete(&api, &doomed), answer(&mut server, code, body));
        assert_eq!((deleted.unwrap(), method.as_str()), (done, "DELETE"), "{code}");
        let wanted = serde_json::json!({"uid": "uid-1", "resourceVersion": "1"});
        assert_eq!(sent["preconditions"], wanted, "{code}");
    }
}

#[tokio::test]
async fn a_run_that_has_ended_or_is_to_be_restored_by_now_does_not_make_room() {
    let mut good = backup_run();
    good.status = serde_json::from_value(serde_json::json!({"conditions": [
        {"type": "Successful", "status": "True", "reason": "x", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}))
    .unwrap();
    let mut asked = backup_run();
    asked.annotations_mut().insert(labels::RESTORE.into(), "now".into());
    for there in [good, asked] {
        let (api, mut server) = api();
        let doomed = Doomed::new(&backup_run(), Why::Replaced);
        let (deleted, (method, ..)) = tokio::join!(delete(&api, &doomed), answer(&mut server, 200, as_json(&there)));
        assert_eq!((deleted.unwrap(), method.as_str()), (false, "GET"));
    }
    // Another one of its name is not it.
    let mut other = backup_run();
    other.metadata.uid = Some("uid-2".into());
    let (api, mut server) = crate::mocked::api();
    let doomed = Doomed::new(&backup_run(), Why::Replaced);
    let (deleted, _) = tokio::join!(delete(&api, &doomed), answer(&mut server, 200, as_json(&other)));
    assert!(deleted.unwrap());
}

#[tokio::test]
async fn a_run_whose_progress_is_written_while_it_is_deleted_makes_room_and_is_looked_at_a_bounded_number_of_times() {
    let at = |version: &str| {
        let mut run = backup_run();
        run.metadata.resource_version = Some(version.into());
        as_json(&run)
    };
    let doomed = Doomed::new(&backup_run(), Why::Replaced);
    let (api, mut server) = api();
    let (deleted, (method, _, sent)) = tokio::join!(delete(&api, &doomed), async {
        answer(&mut server, 200, at("7")).await;
        answer(&mut server, 409, conflict()).await;
        answer(&mut server, 200, at("8")).await;
        answer(&mut server, 200, at("8")).await
    });
    assert!(deleted.unwrap());
    assert_eq!(
        (method.as_str(), &sent["preconditions"]["resourceVersion"]),
        ("DELETE", &"8".into())
    );

    let (api, mut server) = crate::mocked::api();
    let (deleted, ()) = tokio::join!(delete(&api, &doomed), async {
        for _ in 0..LOOKS {
            answer(&mut server, 200, at("7")).await;
            answer(&mut server, 409, conflict()).await;
        }
    });
    assert!(!deleted.unwrap());
}
