//! Rules that hold while there is power.
use super::*;

#[test]
fn a_part_that_was_answered_is_never_spoilt_by_one_that_comes_again() {
    let shelf = Shelf::new(Cache::new(usize::MAX, 0), || Ok(()));
    shelf.make_bucket(BUCKET).unwrap();
    let id = shelf.begin(BUCKET, "k", shown("x"), 1).unwrap();
    let upload = shelf.upload(BUCKET, "k", &id).unwrap();
    write_part(&shelf, &upload, 1, b"right", true).unwrap();
    // The holder of the same URL sends other bytes, and is refused at their end, or never gets there.
    for digest in [None, Some(sha256(&[b"right"])), Some(sha256(&[b"wrong"]))] {
        let part = shelf.part(&upload, 1, 5, digest).unwrap();
        shelf.write(&part, 0, b"wrong").unwrap();
        shelf.drop_part(&part);
    }
    // One that is still being written when the upload is completed changes nothing any more.
    let late = shelf.part(&upload, 2, 4, None).unwrap();
    let open = Open {
        key: "k",
        mark: "x".into(),
        parts: BTreeMap::from([(1, b"right".to_vec())]),
        coming: None,
        ending: false,
    };
    shelf.complete(BUCKET, "k", &id, &claims(&open), false, 2).unwrap();
    assert_eq!(shelf.write(&late, 0, b"late").unwrap_err().code, Code::NoSuchUpload);
    assert_eq!(
        shelf.note(&late, sha256(&[b"late"])).unwrap_err().code,
        Code::NoSuchUpload
    );
    shelf.drop_part(&late);
    assert_eq!(content(&shelf, "k").unwrap().0, b"right");
}

#[test]
fn what_was_written_before_a_connection_broke_is_not_answered_though_it_can_be_settled() {
    let disk = Cache::new(usize::MAX, 0);
    let shelf = Shelf::new(disk.clone(), || Ok(()));
    shelf.make_bucket(BUCKET).unwrap();
    let id = shelf.begin(BUCKET, "k", shown("x"), 1).unwrap();
    let upload = shelf.upload(BUCKET, "k", &id).unwrap();
    let digest = sha256(&[b"bytes"]);
    let part = shelf.part(&upload, 1, 5, Some(digest)).unwrap();
    shelf.write(&part, 0, b"byt").unwrap();
    disk.connect_again();
    shelf.write(&part, 3, b"es").unwrap();
    assert_eq!(shelf.note(&part, digest).unwrap_err().code, Code::ServiceUnavailable);
    shelf.drop_part(&part);
    let incoming = shelf.incoming(BUCKET, "whole", 5).unwrap();
    shelf.fill(&incoming, 0, b"bytes").unwrap();
    disk.connect_again();
    let put = shelf.put(BUCKET, "whole", &incoming, 5, digest, shown("x"), false, 2);
    assert_eq!(put.unwrap_err().code, Code::ServiceUnavailable);
    assert_eq!(content(&shelf, "whole"), None);
    // Nothing of it was noted: the next process finds it missing, too, and takes it when it comes again.
    let other = Shelf::new(disk.clone(), || Ok(()));
    let upload = other.upload(BUCKET, "k", &id).unwrap();
    write_part(&other, &upload, 1, b"bytes", true).unwrap();
    let open = Open {
        key: "k",
        mark: "x".into(),
        parts: BTreeMap::from([(1, b"bytes".to_vec())]),
        coming: None,
        ending: false,
    };
    other.complete(BUCKET, "k", &id, &claims(&open), false, 2).unwrap();
    assert_eq!(content(&other, "k").unwrap().0, b"bytes");
}

#[test]
fn an_object_that_was_not_settled_is_not_answered_until_it_is_and_is_changed_by_no_late_part() {
    for (steps, random) in (0..20).flat_map(|steps| (0..4).map(move |random| (steps, random))) {
        let disk = Cache::new(usize::MAX, random);
        let shelf = Shelf::new(disk.clone(), || Ok(()));
        shelf.make_bucket(BUCKET).unwrap();
        let id = shelf.begin(BUCKET, "k", shown("x"), 1).unwrap();
        let upload = shelf.upload(BUCKET, "k", &id).unwrap();
        write_part(&shelf, &upload, 1, b"bytes", true).unwrap();
        let late = shelf.part(&upload, 2, 4, None).unwrap();
        let open = Open {
            key: "k",
            mark: "x".into(),
            parts: BTreeMap::from([(1, b"bytes".to_vec())]),
            coming: None,
            ending: false,
        };
        let complete = || shelf.complete(BUCKET, "k", &id, &claims(&open), false, 2);
        // The disk fails at one step, and at all that follow.
        disk.cut_after(steps, random);
        if complete().is_err() {
            disk.cut_after(0, random);
            assert!(complete().is_err(), "{steps}: nothing can have been settled");
            disk.cut_after(usize::MAX, random);
            let _ = shelf.write(&late, 0, b"late");
            complete().unwrap();
        }
        let after = content(&Shelf::new(disk.after(), || Ok(())), "k");
        assert_eq!(after, Some((b"bytes".to_vec(), "x".to_owned())), "{steps}");
    }
}

#[test]
fn only_parts_that_are_there_as_claimed_and_in_order_make_an_object() {
    let shelf = Shelf::new(Cache::new(usize::MAX, 0), || Ok(()));
    shelf.make_bucket(BUCKET).unwrap();
    let id = shelf.begin(BUCKET, "k", shown("x"), 1).unwrap();
    let upload = shelf.upload(BUCKET, "k", &id).unwrap();
    for (number, bytes) in [(1, "one"), (2, "two"), (4, "four")] {
        write_part(&shelf, &upload, number, bytes.as_bytes(), true).unwrap();
    }
    let claim = |number, bytes: &str| Claim {
        number,
        etag: hex(&sha256(&[bytes.as_bytes()])),
        checksum: None,
    };
    for (claimed, code) in [
        (vec![], Code::MalformedXML),
        (vec![claim(1, "two")], Code::InvalidPart),
        (vec![claim(1, "one"), claim(3, "three")], Code::InvalidPart),
        (vec![claim(2, "two"), claim(1, "one")], Code::InvalidPartOrder),
        (vec![claim(1, "one"), claim(1, "one")], Code::InvalidPartOrder),
    ] {
        let refused = shelf.complete(BUCKET, "k", &id, &claimed, false, 2).unwrap_err();
        assert_eq!(refused.code, code, "{claimed:?}");
    }
    let other = shelf
        .complete(BUCKET, "other", &id, &[claim(1, "one")], false, 2)
        .unwrap_err();
    assert_eq!(other.code, Code::NoSuchUpload, "the key is another");
    // Some of them: those that are left out are in nobody's way.
    shelf
        .complete(BUCKET, "k", &id, &[claim(1, "one"), claim(4, "four")], false, 2)
        .unwrap();
    assert_eq!(content(&shelf, "k").unwrap().0, b"onefour");
}

#[test]
fn a_list_goes_on_where_it_ended_whatever_the_keys_are() {
    let shelf = Shelf::new(Cache::new(usize::MAX, 0), || Ok(()));
    shelf.make_bucket(BUCKET).unwrap();
    let keys = ["a-b", "a.b", "a/b", "a/c/d", "a0", "b", "c/x", "c/y", "d"];
    for key in keys {
        let incoming = shelf.incoming(BUCKET, key, 1).unwrap();
        shelf
            .put(BUCKET, key, &incoming, 0, sha256(&[]), shown("x"), false, 1)
            .unwrap();
    }
    shelf.files().new_folder("bucket/b0").unwrap();
    let walk = |prefix: &str, folders: bool, most: usize| {
        let mut asked = Asked {
            prefix: prefix.into(),
            folders,
            after: String::new(),
            most,
        };
        let mut told = Vec::new();
        for _ in 0..20 {
            let page = shelf.page(BUCKET, &asked).unwrap();
            assert!(page.objects.len() + page.folders.len() <= most);
            told.extend(page.objects.into_iter().map(|listed| listed.key).chain(page.folders));
            match page.next {
                Some(next) => asked.after = next,
                None => break,
            }
        }
        told.sort_unstable();
        told
    };
    for most in [1, 2, 3, 1000] {
        assert_eq!(walk("", false, most), keys, "{most}");
        assert_eq!(walk("a", false, most), keys[..5], "{most}");
        assert_eq!(walk("a/", false, most), keys[2..4], "{most}");
        assert_eq!(walk("c/y", false, most), ["c/y"], "{most}");
        assert_eq!(
            walk("", true, most),
            ["a-b", "a.b", "a/", "a0", "b", "c/", "d"],
            "{most}"
        );
        assert_eq!(walk("a/", true, most), ["a/b", "a/c/"], "{most}");
        assert_eq!(walk("a", true, most), ["a-b", "a.b", "a/", "a0"], "{most}");
        assert_eq!(walk("nothing", true, most), Vec::<String>::new(), "{most}");
    }
}

#[test]
fn uploads_that_nobody_goes_on_with_are_removed_after_a_week() {
    let shelf = Shelf::new(Cache::new(usize::MAX, 0), || Ok(()));
    shelf.make_bucket(BUCKET).unwrap();
    let week = 7 * 24 * 3600;
    shelf.begin(BUCKET, "k", shown("x"), 1000).unwrap();
    assert_eq!(shelf.sweep(false, 1000 + week).unwrap(), 0);
    assert_eq!(shelf.unfinished(BUCKET, "").unwrap().len(), 1);
    assert_eq!(shelf.sweep(false, 1001 + week).unwrap(), 1);
    assert_eq!(shelf.unfinished(BUCKET, "").unwrap(), []);
}
