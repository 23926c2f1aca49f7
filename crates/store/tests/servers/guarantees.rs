//! What a backup stands on, tried as it is promised and not as a server's line has it: a rule that sees otherwise says so, and the line has
//! to say the same.
use jiff::Timestamp;
use servers::{Guarantee, SECRET_KEY, account_key, exchange};
use store::{Dropped, Signed, Wanted};

use super::place::{Place, send, url_for};

/// The same with another verb or at another key. True: it was done.
fn does(verb: &str, signed: &Signed, from: &str, to: &str) -> bool {
    let url = signed.url.reveal();
    assert!(url.contains(from), "{from}");
    let answer = exchange(verb, &url.replacen(from, to, 1), &signed.headers, b"");
    answer.is_some_and(|answer| answer.status < 400)
}

pub async fn what_a_pod_is_given_holds_no_credential_and_opens_nothing_else(place: &Place<'_>) {
    let (store, checksum, now) = (place.store(), place.checksum(), Timestamp::now());
    for key in ["mine.bin", "other.bin"] {
        assert_eq!(place.put(&store, key, b"kept", false).0, place.server.created());
    }
    let upload = place.create(&store, "mine.bin").await;
    let digest = checksum.digest(b"right");
    let label = super::place::metadata();
    let part = url_for(&store, &Wanted::part("mine.bin", &upload, 1, 5, checksum, &digest), now);
    let whole = url_for(
        &store,
        &Wanted::whole("mine.bin", 5, checksum, &digest, &label, false),
        now,
    );
    let read = url_for(&store, &Wanted::read("mine.bin", None), now);
    for signed in [&part, &whole, &read] {
        let mut given = signed.url.reveal().to_string();
        given.extend(signed.headers.iter().flat_map(|(name, value)| [name.as_str(), value]));
        for secret in [SECRET_KEY, account_key(SECRET_KEY).trim_end_matches('=')] {
            assert!(!given.contains(secret), "a secret is given away");
        }
    }
    let mine = ("mine.bin", "mine.bin");
    let opened = [
        does("GET", &part, mine.0, mine.1),
        does("GET", &whole, mine.0, mine.1),
        does("GET", &read, mine.0, "other.bin"),
        does("DELETE", &read, mine.0, mine.1),
        does("DELETE", &whole, mine.0, "other.bin"),
        does("PUT", &read, mine.0, mine.1),
    ];
    if opened.contains(&true) {
        place.breaks(Guarantee::NoCredential);
    } else {
        for key in ["mine.bin", "other.bin"] {
            assert_eq!(store.read(key, None).await.unwrap(), b"kept");
        }
    }
    assert_eq!(opened.contains(&true), !place.server.checks_keys, "{opened:?}");
}

/// As an operator that begins, one that dies, and the next leader: each knows what the run's status says.
pub async fn an_upload_goes_on_with_a_client_that_knows_its_id_alone(place: &Place<'_>) {
    let upload = place.create(&place.store(), "k").await;
    let first = vec![7_u8; 5 << 20];
    let (status, one) = place.put_part(&place.store(), "k", &upload, 1, &first);
    assert_eq!(status, place.server.created());
    let (status, two) = place.put_part(&place.store(), "k", &upload, 2, b"end");
    assert_eq!(status, place.server.created());
    place.finish(&place.store(), "k", &upload, &[one, two]).await.unwrap();
    let object = place.store().look("k", None).await.unwrap().unwrap();
    let expected = ((5 << 20) + 3, super::place::metadata());
    assert_eq!((object.size, object.metadata), expected);
}

/// The answer to the first was lost: the second may be refused, and must not make another.
pub async fn an_upload_that_is_completed_twice_is_one_version(place: &Place<'_>) {
    let store = place.store();
    let versions = place.keeps_versions();
    let upload = place.create(&store, "k").await;
    let (_, part) = place.put_part(&store, "k", &upload, 1, b"part");
    let parts = [part];
    place.finish(&store, "k", &upload, &parts).await.unwrap();
    let first = store.look("k", None).await.unwrap().unwrap();
    let _ = place.finish(&store, "k", &upload, &parts).await;
    let second = store.look("k", None).await.unwrap().unwrap();
    let is_one = (first.etag, first.version_id) == (second.etag, second.version_id)
        && (!versions || store.versions("").await.unwrap().len() == 1);
    if !is_one || store.read("k", None).await.unwrap() != b"part" {
        place.breaks(Guarantee::Once);
    }
}

/// As where the runs of a schedule share one path.
pub async fn an_upload_that_is_dropped_beside_an_object_leaves_nothing(place: &Place<'_>) {
    let store = place.store();
    assert_eq!(place.put(&store, "k", b"there", false).0, place.server.created());
    let upload = place.create(&store, "k").await;
    assert_eq!(
        place.put_part(&store, "k", &upload, 1, b"part").0,
        place.server.created()
    );
    let dropped = store.drop_upload("k", &upload).await;
    assert_eq!(store.read("k", None).await.unwrap(), b"there");
    let left = store.uploads("").await.unwrap_or_default();
    if !matches!(dropped, Ok(Dropped::Gone)) || !left.is_empty() {
        place.breaks(Guarantee::LeavesNothing);
    }
}

/// It was on its way.
pub async fn a_part_that_comes_after_the_abort_leaves_nothing(place: &Place<'_>) {
    let (store, checksum) = (place.store(), place.checksum());
    let upload = place.create(&store, "k").await;
    assert_eq!(
        place.put_part(&store, "k", &upload, 1, b"part").0,
        place.server.created()
    );
    let digest = checksum.digest(b"late");
    let late = Wanted::part("k", &upload, 2, 4, checksum, &digest);
    let late = url_for(&store, &late, Timestamp::now());
    let _ = store.drop_upload("k", &upload).await;
    let taken = send(&late, b"late").0 < 300;
    let left = store.keys("").await.unwrap().len() + store.uploads("").await.unwrap_or_default().len();
    if taken || left > 0 {
        place.breaks(Guarantee::LeavesNothing);
    }
}
