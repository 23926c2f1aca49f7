//! Objects that come in parts, and what becomes of uploads that are not completed.
use jiff::Timestamp;
use servers::{Guarantee, Uploads};
use store::{Checksum, Finish, Wanted, composite_sha256};

use super::place::{Place, metadata, send, url_for};

pub async fn an_upload_is_invisible_until_it_is_completed_and_completes_once(place: &Place<'_>) {
    let (store, checksum) = (place.store(), place.checksum());
    let (first, second) = (vec![7_u8; 5 << 20], b"end".to_vec());
    let upload = place.create(&store, "big").await;
    let mut parts = Vec::new();
    // In any order, as two that are in flight come.
    for (number, body) in [(2, &second), (1, &first)] {
        assert_eq!(
            place.put_part(&store, "big", &upload, number, body).0,
            place.server.created()
        );
        // The same part again: an agent that lost the answer.
        let (status, part) = place.put_part(&store, "big", &upload, number, body);
        assert_eq!(status, place.server.created());
        parts.insert(0, part);
    }
    assert_eq!(store.look("big", None).await.unwrap(), None);
    assert!(!store.keys("").await.unwrap().contains(&"big".to_string()));
    assert!(store.read("big", None).await.is_err());
    store
        .finish(&Finish::new("big", &upload, &parts, checksum, &metadata(), false))
        .await
        .unwrap();
    let object = store.look("big", None).await.unwrap().unwrap();
    assert_eq!((object.size, &object.metadata), ((5 << 20) + 3, &metadata()));
    let composite = composite_sha256(parts.iter().map(|p| p.digest.as_str()));
    assert_eq!(
        checksum == Checksum::Sha256 && object.checksum_sha256 == Some(composite),
        place.server.composite
    );
    // The answer was lost. Whatever is said now, the object decides.
    let _ = store
        .finish(&Finish::new("big", &upload, &parts, checksum, &metadata(), false))
        .await;
    let again = store.look("big", None).await.unwrap().unwrap();
    assert_eq!((again.size, &again.metadata), (object.size, &object.metadata));
    assert_eq!(
        store.read("big", Some(((5 << 20) - 1, (5 << 20) + 2))).await.unwrap(),
        b"\x07end"
    );
    let _ = store.drop_upload("big", &upload).await;
    let there = store.look("big", None).await.unwrap().is_some();
    assert!(there, "an abort that comes too late removes nothing");
    store.remove("big", None).await.unwrap();
    place.nothing_is_left(&store).await;
}

pub async fn a_part_takes_the_body_that_it_was_signed_for_and_no_other(place: &Place<'_>) {
    let (store, checksum) = (place.store(), place.checksum());
    let upload = place.create(&store, "k").await;
    let digest = checksum.digest(b"right");
    let signed = url_for(
        &store,
        &Wanted::part("k", &upload, 1, 5, checksum, &digest),
        Timestamp::now(),
    );
    let refused = send(&signed, b"wrong").0 >= 400;
    // As the line says: `auto` binds by nothing where nothing is looked at.
    assert_eq!(refused, checksum != Checksum::None);
    if !refused {
        place.breaks(Guarantee::Bound);
    }
}

pub async fn uploads_that_are_not_completed_are_listed_with_their_age(place: &Place<'_>) {
    let (store, server) = (place.store(), place.server);
    if server.uploads != Uploads::Never {
        let none = store.uploads("").await.unwrap();
        assert_eq!(none, [], "where there never was one");
    }
    let upload = place.create_known(&store, "folder/key").await;
    for (prefix, listed) in [
        ("folder/key", server.uploads != Uploads::Never),
        (
            "folder/",
            matches!(server.uploads, Uploads::ByPrefix | Uploads::FromPartsOn),
        ),
        ("other/", false),
    ] {
        match store.uploads(prefix).await {
            Ok(found) => {
                let ids: Vec<_> = found.iter().map(|u| u.id.as_str()).collect();
                assert_eq!(ids, if listed { vec![upload.as_str()] } else { vec![] }, "{prefix}");
                let young = found.iter().all(|u| u.age.is_some_and(|age| age.abs().as_secs() < 60));
                assert_eq!(young, server.upload_times || !listed, "{found:?}");
            }
            Err(error) => {
                assert_eq!(server.uploads, Uploads::Never, "{error}");
                assert!(
                    !error.passes(),
                    "a store that does not list is not asked again: {error}"
                );
            }
        }
    }
}

pub async fn what_is_asked_of_an_upload_that_was_aborted_is_refused(place: &Place<'_>) {
    let store = place.store();
    let upload = place.create(&store, "k").await;
    let (_, part) = place.put_part(&store, "k", &upload, 1, b"part");
    for _ in 0..2 {
        assert_eq!(store.drop_upload("k", &upload).await.is_ok(), place.server.aborts);
    }
    if !place.server.aborts {
        place.breaks(Guarantee::LeavesNothing);
    }
    // Azurite has taken the key away, and gives the blocks to whoever completes them all the same.
    if place.server.aborts && place.server.kind == "azure" {
        assert_eq!(store.look("k", None).await.unwrap(), None);
        place.nothing_is_left(&store).await;
    } else if place.server.aborts {
        let completed = store
            .finish(&Finish::new(
                "k",
                &upload,
                &[part],
                place.checksum(),
                &metadata(),
                false,
            ))
            .await;
        assert!(completed.is_err());
        assert_eq!(store.look("k", None).await.unwrap(), None);
        place.nothing_is_left(&store).await;
    }
}
