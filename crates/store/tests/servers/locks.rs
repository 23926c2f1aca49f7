//! Locks: of buckets that were made with object lock, where the server has it.
use jiff::{SignedDuration, Timestamp};
use servers::SECRET_KEY;
use store::{Checksum, Removed, Store};

use super::place::Place;

/// The bucket beside the place's, with object lock; None where the server makes none that can be used.
fn locked<'a>(place: &Place<'a>) -> Option<Place<'a>> {
    let found = place.locked_bucket();
    // Bound by nothing, no part is taken there.
    let found = found.filter(|_| place.checksum() != Checksum::None);
    assert_eq!(found.is_some(), place.server.locks);
    found
}

fn with(place: &Place<'_>, more: &[(&str, &str)]) -> Store {
    place.open(place.server.access_key, SECRET_KEY, more)
}

const GOVERNED: [(&str, &str); 2] = [("lockMode", "GOVERNANCE"), ("lockDays", "1")];

pub async fn what_is_locked_stays_until_its_date_and_says_so(place: &Place<'_>) {
    let Some(place) = locked(place) else { return };
    let store = with(&place, &GOVERNED);
    let day = SignedDuration::from_hours(24);
    let until = Timestamp::now() + day;
    let near = |at: Timestamp| at.duration_since(until).abs() < SignedDuration::from_mins(5);
    // Put whole, and in parts.
    assert_eq!(place.put(&store, "whole", b"whole", false).0, 200);
    let upload = place.create(&store, "parts").await;
    let (_, part) = place.put_part(&store, "parts", &upload, 1, b"part");
    place.finish(&store, "parts", &upload, &[part]).await.unwrap();
    store.write("small", b"{}".to_vec(), place.checksum()).await.unwrap();
    for key in ["whole", "parts", "small"] {
        let object = store.look(key, None).await.unwrap().unwrap();
        assert_eq!(object.held.mode.as_deref(), Some("GOVERNANCE"), "{key}");
        assert!(object.held.until.is_some_and(near), "{key}: {:?}", object.held);
        let version = object.version_id.clone();
        assert!(version.is_some(), "a bucket that locks keeps versions");
        for asked in [version.as_deref(), None] {
            match store.remove(key, asked).await {
                Ok(Removed::Held(held)) => assert_eq!(held, object.held, "{key} {asked:?}"),
                other => panic!("{key} {asked:?}: {other:?}"),
            }
        }
        // No marker hides it.
        let seen = store.look(key, None).await.unwrap();
        assert_eq!(seen.map(|o| o.version_id), Some(version), "{key}");
    }
}

pub async fn a_legal_hold_is_put_on_and_taken_off(place: &Place<'_>) {
    let Some(place) = locked(place) else { return };
    let store = with(&place, &[]);
    assert_eq!(place.put(&store, "held", b"held", false).0, 200);
    let version = store.look("held", None).await.unwrap().unwrap().version_id;
    let version = version.as_deref();
    store.hold("held", version, true).await.unwrap();
    let held = store.look("held", version).await.unwrap().unwrap().held;
    assert!(held.legal && held.until.is_none(), "{held:?}");
    assert!(matches!(store.remove("held", version).await, Ok(Removed::Held(h)) if h.legal));
    store.hold("held", version, false).await.unwrap();
    assert!(!store.look("held", version).await.unwrap().unwrap().held.legal);
    assert_eq!(store.remove("held", version).await.unwrap(), Removed::Gone);
    assert_eq!(store.look("held", version).await.unwrap(), None);
    let held = with(&place, &[("legalHold", "true")]);
    assert_eq!(place.put(&held, "born", b"born", false).0, 200);
    assert!(held.look("born", None).await.unwrap().unwrap().held.legal);
}

pub async fn a_probe_leaves_nothing_locked_and_knows_a_bucket_that_cannot(place: &Place<'_>) {
    if place.server.kind != "s3" {
        return;
    }
    let cannot = with(place, &GOVERNED).probe("", "p", None).await;
    let error = cannot
        .expect_err("a bucket without object lock takes them all the same")
        .to_string();
    assert!(error.contains("object lock") || error.contains("lock"), "{error}");
    assert_eq!(
        place.store().versions(".backup-operator/").await.unwrap_or_default(),
        []
    );
    let Some(place) = locked(place) else { return };
    let store = with(&place, &GOVERNED);
    let found = store.probe("", "p", None).await.unwrap();
    assert!(found.locks && found.deletable, "{found:?}");
    store.probe_again("", "p", found).await.unwrap();
    assert_eq!(store.versions(".backup-operator/").await.unwrap(), []);
    assert_eq!(store.uploads("").await.unwrap_or_default(), []);
}
