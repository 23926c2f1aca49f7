//! What an agent is told of an object that another tool has made.
use api::names::Action;
use api::storage::DataPath;
use protocol::Secret;
use serde_json::json;

use super::rig::rig_of;
use crate::mocked;

#[tokio::test]
async fn a_restore_is_told_of_the_window_and_that_its_key_is_a_passphrase() {
    let mut run = testing::restore_only_run();
    run.spec.compression = serde_json::from_value(json!({"algorithm": "zstd", "windowLog": 31})).unwrap();
    let key = json!({"name": "age", "key": "words", "type": "Passphrase"});
    run.spec.encryption = serde_json::from_value(json!({ "decryptionKey": key })).unwrap();
    let mut rig = rig_of(Action::Restore, DataPath::Direct, run).await;
    let mut api = rig.api.take().unwrap();
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "age", "namespace": "team"},
        // "correct horse" and a line break.
        "data": {"words": "Y29ycmVjdCBob3JzZQo="},
    });
    let answered = tokio::spawn(async move { mocked::answer(&mut api, 200, secret).await.1 });
    let (peer, job) = rig.started().await;
    assert_eq!(answered.await.unwrap(), "/api/v1/namespaces/team/secrets/age");
    let protocol::Action::Restore {
        identity,
        passphrase,
        window_log,
        ..
    } = job.action
    else {
        panic!("{job:?}")
    };
    assert_eq!(identity.as_ref().map(Secret::reveal), Some("correct horse\n"));
    assert_eq!((passphrase, window_log), (true, Some(31)));
    rig.cancel();
    peer.cancelled().await;
    rig.end().await;
}
