//! What a probe finds, and what it says of what is wrong.
use servers::SECRET_KEY;
use store::{Capabilities, Checksum};

use super::place::Place;

pub async fn a_probe_finds_what_the_store_can_do_and_leaves_nothing(place: &Place<'_>) {
    let store = place.store();
    let found = store.probe("team/", "1", None).await.unwrap();
    let expected = Capabilities {
        checksum: place.checksum(),
        enforced: place.checksum() != Checksum::None,
        metadata: true,
        composite_checksum: place.server.composite,
        if_none_match: place.server.if_none_match,
        deletable: true,
        listable: true,
        locks: false,
    };
    assert_eq!(found, expected);
    place.nothing_is_left(&store).await;
}

pub async fn a_checksum_that_was_asked_for_is_tried_and_told_as_it_is(place: &Place<'_>) {
    let store = place.store();
    let none = (place.server.kind == "s3").then_some(Checksum::None);
    for wanted in [place.checksum()].into_iter().chain(none) {
        let found = store.probe("", "1", Some(wanted)).await.unwrap();
        assert_eq!((found.checksum, found.enforced), (wanted, wanted != Checksum::None));
    }
    place.nothing_is_left(&store).await;
}

pub async fn a_second_probe_makes_no_object_and_sees_that_what_was_refused_is_taken(place: &Place<'_>) {
    let store = place.store();
    let known = store.probe("", "1", None).await.unwrap();
    for _ in 0..2 {
        store.probe_again("", "1", known).await.unwrap();
    }
    // As if it had refused other bytes before: nothing is bound here, so that the store takes any.
    let changed = Capabilities {
        checksum: Checksum::None,
        enforced: true,
        ..known
    };
    let error = store.probe_again("", "1", changed).await.unwrap_err().to_string();
    assert!(error.contains("refused before"), "{error}");
    place.nothing_is_left(&store).await;
}

pub async fn what_is_wrong_with_a_store_is_said_with_its_cure(place: &Place<'_>) {
    let server = place.server;
    let wrong = [("endpoint", "http://127.0.0.1:1")];
    let (nowhere, elsewhere) = ([("bucket", "nowhere")], [("region", "elsewhere-1")]);
    let cases = [
        (
            place.open(server.access_key, SECRET_KEY, &wrong),
            true,
            "spec.parameters.endpoint",
        ),
        (
            place.open(server.access_key, "wrong-secret-key", &[]),
            server.checks_keys,
            "spec.credentials",
        ),
        (
            place.open("nobodyknowsme", SECRET_KEY, &[]),
            server.checks_keys,
            "spec.credentials",
        ),
        (
            place.open(server.access_key, SECRET_KEY, &nowhere),
            !server.makes_buckets,
            if server.kind == "azure" {
                "spec.parameters.container"
            } else {
                "spec.parameters.bucket"
            },
        ),
        (
            place.open(server.access_key, SECRET_KEY, &elsewhere),
            server.region.is_some(),
            "spec.parameters.region",
        ),
    ];
    for (store, refused, cure) in cases {
        match store.probe("", "1", None).await {
            Ok(_) => assert!(!refused, "{cure}: it was taken"),
            Err(error) => {
                let error = error.to_string();
                assert!(refused && error.contains(cure), "{cure}: {error}");
                assert!(!error.contains("Signature=") && !error.contains(SECRET_KEY), "{error}");
            }
        }
    }
}

pub async fn what_a_probe_that_died_has_left_is_removed_by_the_next(place: &Place<'_>) {
    let store = place.store();
    let known = store.probe("", "1", None).await.unwrap();
    let key = ".backup-operator/probe-1";
    for again in [false, true] {
        let listed = place.server.aborts && place.server.uploads != servers::Uploads::Never;
        if listed {
            place.create_known(&store, key).await;
        }
        if again {
            store.probe_again("", "1", known).await.unwrap();
        } else {
            // Also what earlier versions wrote, a key for each probe.
            assert_eq!(
                place.put(&store, &format!("{key}-1795806120000"), b"x", false).0,
                place.server.created()
            );
            store.probe("", "1", None).await.unwrap();
        }
        if listed {
            assert_eq!(store.uploads(key).await.unwrap(), []);
        }
        place.nothing_is_left(&store).await;
    }
}
