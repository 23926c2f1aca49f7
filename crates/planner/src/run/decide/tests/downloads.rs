//! Requests to download: each is answered once, whatever the run does, and its answer goes when it is of no use any more.
use api::download::Download;

use super::*;
use crate::run::download::{Asked, EXPIRES, asked};

const RECIPIENT: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

fn asks(world: &mut World, view: DownloadView) {
    let annotations = world.run.annotations_mut();
    annotations.insert(labels::DOWNLOAD.into(), RECIPIENT.into());
    world.download = view;
}

fn sealed() -> DownloadView {
    DownloadView::Sealed {
        text: "-----BEGIN".into(),
        ends: None,
    }
}

fn is_asked(world: &World) -> bool {
    world.run.annotations().contains_key(labels::DOWNLOAD)
}

fn answer(world: &World) -> Option<Download> {
    world.status().download
}

/// One pass; what the operator would have to sign is looked at no more than it is asked for.
fn pass(world: &mut World) -> Vec<Step> {
    let steps = world.step();
    if !is_asked(world) {
        world.download = DownloadView::None;
    }
    steps
}

#[test]
fn a_good_backup_is_lent_for_minutes_to_who_asks_and_the_request_goes() {
    let mut world = World::stored();
    let conditions = world.status().conditions;
    asks(&mut world, sealed());
    let wanted = asked(&world.run, &world.storage).unwrap().unwrap();
    let status = world.status();
    let object = Asked {
        recipient: RECIPIENT.into(),
        key: status.key.unwrap(),
        version_id: status.version_id,
    };
    assert_eq!(wanted, object);
    let steps = pass(&mut world);
    assert!(
        matches!(
            steps[..],
            [
                Step::Guarded(Guarded::Report(_)),
                Step::Guarded(Guarded::TakeDownload),
                Step::Unguarded(Unguarded::Event(_))
            ]
        ),
        "{steps:?}"
    );
    let lent = answer(&world).unwrap();
    assert_eq!(
        (lent.recipient.as_str(), lent.sealed.as_deref(), lent.message),
        (RECIPIENT, Some("-----BEGIN"), None)
    );
    assert!(
        !is_asked(&world) && world.status().conditions == conditions,
        "it is as good as before"
    );
    assert_eq!(world.decide().requeue, Some(EXPIRES));
    assert!(
        world.step().is_empty(),
        "an answer stands, and nothing is written again"
    );
    world.pass(15 * 60);
    world.step();
    assert_eq!(answer(&world), None);
    assert!(world.step().is_empty() && world.decide().requeue.is_none());
}

#[test]
fn a_request_is_answered_while_a_restore_is_under_way_and_disturbs_it_in_nothing() {
    let mut world = World::stored();
    world.annotate(labels::RESTORE);
    world.step();
    world.pod(PodStage::Running);
    world.step();
    world.active(Contact::Working, None);
    asks(&mut world, sealed());
    let transfer = world.status().transfer;
    assert!(transfer.is_some());
    pass(&mut world);
    assert!(answer(&world).unwrap().sealed.is_some() && !is_asked(&world));
    assert_eq!(world.status().transfer, transfer);
}

#[test]
fn a_later_request_takes_the_place_of_an_answer() {
    let mut world = World::stored();
    asks(&mut world, sealed());
    pass(&mut world);
    asks(&mut world, DownloadView::Refused("the store's Secret is gone".into()));
    let steps = pass(&mut world);
    let lent = answer(&world).unwrap();
    assert_eq!(
        (lent.sealed, lent.message.as_deref()),
        (None, Some("the store's Secret is gone"))
    );
    let warned =
        |s: &Step| matches!(s, Step::Unguarded(Unguarded::Event(e)) if e.warning && e.reason == "DownloadRefused");
    assert!(steps.iter().any(warned) && !is_asked(&world), "{steps:?}");
}

#[test]
fn nothing_is_lent_of_a_run_without_a_good_backup_or_of_what_is_not_its_namespaces() {
    let refusal = |world: &World| asked(&world.run, &world.storage).unwrap().unwrap_err();
    let mut working = World::working();
    asks(&mut working, DownloadView::None);
    assert!(refusal(&working).contains("no good backup"));
    let mut stored = World::stored();
    assert_eq!(asked(&stored.run, &stored.storage), None);
    asks(&mut stored, DownloadView::None);
    let ready = stored.storage.clone();
    for (storage, words) in [
        (StorageView::Missing, "there is no BackupStorage"),
        (
            StorageView::Refused {
                message: "not from here".into(),
            },
            "not from here",
        ),
    ] {
        stored.storage = storage;
        assert!(refusal(&stored).contains(words));
    }
    let StorageView::Ready(mut place) = ready else {
        panic!("a ready storage")
    };
    (place.prefix, place.isolated) = ("team-b/".into(), true);
    stored.storage = StorageView::Ready(place);
    assert!(refusal(&stored).contains("namespaceIsolation"));
    stored.delete();
    assert_eq!(
        asked(&stored.run, &stored.storage),
        None,
        "a run that goes is not read any more"
    );
}

#[test]
fn an_answer_does_not_stand_for_longer_than_the_credentials_that_signed_it() {
    let mut world = World::stored();
    let ends = world.now + jiff::SignedDuration::from_mins(4);
    let view = DownloadView::Sealed {
        text: "-----BEGIN".into(),
        ends: Some(ends),
    };
    asks(&mut world, view);
    let steps = pass(&mut world);
    assert_eq!(answer(&world).unwrap().expires_at.0, ends);
    let told = steps
        .iter()
        .any(|step| matches!(step, Step::Unguarded(Unguarded::Event(e)) if e.note.contains("good for 4 minutes")));
    assert!(told, "{steps:?}");
}
