//! Objects that lie in an archive, by a clock that is passed in.
use super::*;

const DAY: i64 = 24 * 3600;

fn archived(shelf: &Shelf<Cache>, class: Class) {
    let incoming = shelf.incoming(BUCKET, "k", 4).unwrap();
    shelf.fill(&incoming, 0, b"cold").unwrap();
    let shown = Shown {
        class: Some(class),
        ..shown("x")
    };
    shelf
        .put(BUCKET, "k", &incoming, 4, sha256(&[b"cold"]), shown, false, 1000)
        .unwrap();
}

fn asking(days: u32, tier: Option<&str>) -> Asking {
    Asking {
        days,
        tier: tier.map(ToOwned::to_owned),
    }
}

#[test]
fn an_archived_object_is_read_after_it_was_asked_back_and_has_come_and_until_its_days_are_over() {
    let disk = Cache::new(usize::MAX, 0);
    let shelf = Shelf::new(disk.clone(), || Ok(()));
    shelf.make_bucket(BUCKET).unwrap();
    archived(&shelf, Class::Glacier);
    let state = |shelf: &Shelf<Cache>, now| shelf.look(BUCKET, "k").unwrap().state(now);
    let readable = |now| {
        shelf
            .look(BUCKET, "k")
            .unwrap()
            .readable(now)
            .map_err(|fault| fault.code)
    };
    let thaw = |days, now| {
        let asked = shelf.thaw(BUCKET, "k", &asking(days, None), 60, now);
        asked.map_err(|fault| fault.code)
    };
    assert_eq!(state(&shelf, 1000), State::Archived);
    assert_eq!(readable(1000), Err(Code::InvalidObjectState));
    assert_eq!(thaw(2, 2000), Ok(Brought::Begun));
    assert_eq!(state(&shelf, 2059), State::Coming);
    assert_eq!(readable(2059), Err(Code::InvalidObjectState));
    assert_eq!(thaw(2, 2059), Err(Code::RestoreAlreadyInProgress));
    let until = 2060 + 2 * DAY;
    // Another process tells the same.
    let other = Shelf::new(disk.clone(), || Ok(()));
    for shelf in [&shelf, &other] {
        assert_eq!(state(shelf, 2060), State::There { until });
        assert_eq!(state(shelf, until - 1), State::There { until });
        assert_eq!(state(shelf, until), State::Archived);
    }
    assert_eq!(readable(2060), Ok(()));
    assert_eq!(content(&shelf, "k").unwrap().0, b"cold");
    // Asked for again while it is there, it stays from then on; once it is gone, it has to come again.
    assert_eq!(thaw(3, 3000), Ok(Brought::There));
    let until = 3000 + 3 * DAY;
    assert_eq!(state(&shelf, 3000), State::There { until });
    assert_eq!(thaw(1, until), Ok(Brought::Begun));
    assert_eq!(state(&shelf, until), State::Coming);
    // What is written over it is another object.
    archived(&shelf, Class::DeepArchive);
    assert_eq!(state(&shelf, until), State::Archived);
}

#[test]
fn what_lies_in_no_archive_is_not_asked_back_and_no_tier_is_made_up() {
    let shelf = Shelf::new(Cache::new(usize::MAX, 0), || Ok(()));
    shelf.make_bucket(BUCKET).unwrap();
    let thaw = |tier| {
        let asked = shelf.thaw(BUCKET, "k", &asking(1, tier), 60, 2000);
        asked.map_err(|fault| fault.code)
    };
    assert_eq!(thaw(None), Err(Code::NoSuchKey));
    let incoming = shelf.incoming(BUCKET, "k", 0).unwrap();
    shelf
        .put(BUCKET, "k", &incoming, 0, sha256(&[]), shown("x"), false, 1000)
        .unwrap();
    assert_eq!(thaw(None), Err(Code::InvalidObjectState));
    archived(&shelf, Class::DeepArchive);
    for tier in ["Expedited", "bulk", "x"] {
        assert_eq!(thaw(Some(tier)), Err(Code::InvalidArgument), "{tier}");
    }
    assert_eq!(thaw(Some("Bulk")), Ok(Brought::Begun));
    archived(&shelf, Class::Glacier);
    assert_eq!(thaw(Some("Expedited")), Ok(Brought::Begun));
}

#[test]
fn a_power_cut_while_an_object_is_asked_back_leaves_it_in_the_archive_or_on_its_way() {
    for (left, random) in (0..6).flat_map(|left| (0..8).map(move |random| (left, random))) {
        let disk = Cache::new(usize::MAX, 0);
        let shelf = Shelf::new(disk.clone(), || Ok(()));
        shelf.make_bucket(BUCKET).unwrap();
        archived(&shelf, Class::Glacier);
        disk.cut_after(left, random);
        let asked = shelf.thaw(BUCKET, "k", &asking(1, None), 60, 2000);
        let after = Shelf::new(disk.after(), || Ok(()));
        let state = after.look(BUCKET, "k").unwrap().state(2000);
        assert!(
            state == State::Coming || asked.is_err() && state == State::Archived,
            "{left} {random}: {state:?} after {asked:?}"
        );
        assert_eq!(content(&after, "k").unwrap().0, b"cold");
    }
}
