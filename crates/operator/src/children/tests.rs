//! What a name that is taken means when a run is created.
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
