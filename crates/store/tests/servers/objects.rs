//! Objects that are put whole: what binds them, ranges, keys, and what is there already.
use jiff::Timestamp;
use servers::{Guarantee, exchange};
use store::{Checksum, Finish, StoreErrorKind, Wanted};

use super::place::{Place, metadata, send, url_for};

/// What users put into paths, and what a server might fold, escape or cut. Paths with `//` or a `/` at the end are refused.
const KEYS: &[&str] = &[
    "plain",
    "a/b/c.sql.zst",
    "with space",
    "plus+plus",
    "100%",
    "%41",
    "ümlaut",
    "e\u{301}",
    "12:30:00",
    "quotes'\"`",
    "amp&amp;<tag>",
    "what?",
    "hash#tag",
    "emoji-🦀",
    "semi;colon=,@$!*()~",
    "[brackets]{braces}^|",
    "back\\slash",
    "dot./.hidden",
];

pub async fn a_signed_url_takes_the_body_that_it_was_signed_for_and_no_other(place: &Place<'_>) {
    let (store, checksum) = (place.store(), place.checksum());
    let digest = checksum.digest(b"right");
    let now = Timestamp::now();
    let signed = url_for(
        &store,
        &Wanted::whole("a/b", 5, checksum, &digest, &metadata(), false),
        now,
    );
    let refused = send(&signed, b"wrong").0 >= 400;
    assert_eq!(refused, checksum != Checksum::None);
    if refused {
        let there = store.look("a/b", None).await.unwrap();
        assert_eq!(there, None, "a body that was refused is not there");
    } else {
        place.breaks(Guarantee::Bound);
    }
    assert_eq!(send(&signed, b"right").0, place.server.created());
    let object = store.look("a/b", None).await.unwrap().unwrap();
    assert_eq!((object.size, object.metadata), (5, metadata()));
    assert_eq!(store.read("a/b", None).await.unwrap(), b"right");
    assert_eq!(store.keys("a").await.unwrap(), ["a/b"]);
    store.remove("a/b", None).await.unwrap();
    store.remove("a/b", None).await.unwrap();
    assert_eq!(store.look("a/b", None).await.unwrap(), None);
    place.nothing_is_left(&store).await;
}

pub async fn a_range_gives_those_bytes_and_says_which_they_are(place: &Place<'_>) {
    let store = place.store();
    assert_eq!(place.put(&store, "k", b"0123456789", false).0, place.server.created());
    assert_eq!(store.read("k", Some((1, 3))).await.unwrap(), b"123");
    let signed = url_for(&store, &Wanted::read("k", None), Timestamp::now());
    let range = ("range".to_string(), "bytes=7-".to_string());
    let answer = exchange("GET", signed.url.reveal(), &[range], b"").unwrap();
    assert_eq!(answer.status, place.server.range_status);
    assert_eq!(answer.header("content-range"), Some("bytes 7-9/10"));
}

pub async fn an_object_that_is_there_is_kept_where_only_a_new_one_was_wanted(place: &Place<'_>) {
    let store = place.store();
    assert_eq!(place.put(&store, "put", b"first", true).0, place.server.created());
    let put = place.put(&store, "put", b"other", true).0;
    let upload = place.create(&store, "put").await;
    let (_, part) = place.put_part(&store, "put", &upload, 1, b"third");
    let completed = store
        .finish(&Finish::new(
            "put",
            &upload,
            &[part],
            place.checksum(),
            &metadata(),
            true,
        ))
        .await;
    let body = store.read("put", None).await.unwrap();
    if place.server.if_none_match {
        assert_eq!((put, body.as_slice()), (place.server.kept(), b"first".as_slice()));
        assert_eq!(completed.unwrap_err().kind(), StoreErrorKind::Exists);
    } else {
        // Some refuse the one and not the other, which is no promise.
        assert_eq!(body, b"third");
        completed.unwrap();
    }
}

pub async fn whatever_a_key_is_made_of_it_names_one_object(place: &Place<'_>) {
    let store = place.store();
    let mut spoilt = Vec::new();
    for key in KEYS {
        let (status, _) = place.put(&store, key, key.as_bytes(), false);
        let read = store.read(key, None).await;
        let listed = store.keys("").await.unwrap();
        let kept =
            status == place.server.created() && read.is_ok_and(|body| body == key.as_bytes()) && listed == [*key];
        if !kept {
            spoilt.push(*key);
        }
        let _ = store.remove(key, None).await;
        for left in store.keys("").await.unwrap() {
            store.remove(&left, None).await.unwrap();
        }
    }
    assert_eq!(spoilt, place.server.spoils);
}
