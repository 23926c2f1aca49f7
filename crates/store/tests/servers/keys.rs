//! Access keys that are not known, or not any more.
use servers::{SECRET_KEY, Uploads};
use store::StoreErrorKind;

use super::place::Place;

/// As after a rotation of the access key: what the store then says must not read as "it is gone".
pub async fn nothing_is_gone_for_who_has_the_wrong_keys(place: &Place<'_>) {
    let store = place.store();
    assert_eq!(place.put(&store, "kept", b"kept", false).0, place.server.created());
    let upload = place.create_known(&store, "kept").await;
    for (key, secret) in [
        ("nobodyknowsme", SECRET_KEY),
        (place.server.access_key, "wrong-secret-key"),
    ] {
        let stranger = place.open(key, secret, &[]);
        if !place.server.checks_keys {
            let looked = stranger.look("kept", None).await.unwrap();
            assert!(looked.is_some(), "it looks at keys after all");
            continue;
        }
        let errors = [
            ("head", stranger.look("kept", None).await.map(drop)),
            ("head of a missing one", stranger.look("missing", None).await.map(drop)),
            ("delete", stranger.remove("kept", None).await.map(drop)),
            ("delete a version", stranger.remove("kept", Some("v1")).await.map(drop)),
            ("abort", stranger.drop_upload("kept", &upload).await.map(drop)),
        ];
        for (what, done) in errors {
            let error = done.expect_err(what);
            assert_eq!(error.kind(), StoreErrorKind::BadCredentials, "{key} {what}: {error}");
        }
    }
    assert!(store.look("kept", None).await.unwrap().is_some());
    if place.server.uploads != Uploads::Never {
        assert_eq!(store.uploads("kept").await.unwrap().len(), 1);
    }
}
