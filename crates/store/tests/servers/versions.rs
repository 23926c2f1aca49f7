//! Buckets that keep versions.
use servers::Versions;

use super::place::Place;

pub async fn a_version_that_is_gone_is_gone_however_often_it_is_removed(place: &Place<'_>) {
    let (store, does) = (place.store(), place.server.versions);
    assert_eq!(place.keeps_versions(), does != Versions::Refused);
    if does == Versions::Refused {
        return;
    }
    let mut versions = Vec::new();
    for body in [b"first", b"other"] {
        assert_eq!(place.put(&store, "k", body, false).0, place.server.created());
        let object = store.look("k", None).await.unwrap().unwrap();
        versions.push((object.version_id.expect("a version"), object.etag));
    }
    let [(old, etag), (new, _)] = versions.try_into().unwrap();
    let first = store.look("k", Some(&old)).await.unwrap().unwrap();
    if does == Versions::Wrong {
        assert_ne!(first.version_id.as_ref(), Some(&old));
        return;
    }
    assert_eq!((first.etag, first.version_id.as_deref()), (etag, Some(old.as_str())));
    for _ in 0..2 {
        store.remove("k", Some(&old)).await.unwrap();
    }
    assert_eq!(store.look("k", Some(&old)).await.unwrap(), None);
    let left = store.look("k", None).await.unwrap().unwrap();
    assert_eq!(left.version_id, Some(new));
}

pub async fn a_probe_leaves_no_version(place: &Place<'_>) {
    let store = place.store();
    if !place.keeps_versions() {
        return;
    }
    let known = store.probe("team/", "1", None).await.unwrap();
    assert_eq!(store.versions("").await.unwrap(), []);
    for _ in 0..3 {
        store.probe_again("team/", "1", known).await.unwrap();
    }
    assert_eq!(store.versions("").await.unwrap(), []);
    place.nothing_is_left(&store).await;
}
