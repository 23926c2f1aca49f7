//! What is signed, for what, and how often.
use api::names::Action;
use api::storage::DataPath;
use planner::run::End;
use protocol::{AgentState, FromAgent, ToAgent, UrlRequest, encode};

use super::rig::rig;
use super::store::UPLOAD;
use super::{finished, part, report, store, stored};

#[tokio::test]
async fn what_is_not_part_of_the_work_is_not_signed() {
    let long = "A".repeat(10 << 10);
    let request = |number, size, checksum: &str| UrlRequest::Part {
        number,
        size,
        checksum: checksum.into(),
    };
    let refused = [
        request(0, 5, ""),
        request(10_001, 5, ""),
        request(u32::MAX, 5, ""),
        request(1, 0, ""),
        request(1, u64::MAX, ""),
        request(1, 5, &long),
        request(1, 5, "\r\nx-amz-acl: public-read"),
        UrlRequest::Object {
            size: u64::MAX,
            checksum: String::new(),
        },
        UrlRequest::Object {
            size: 5,
            checksum: long.clone(),
        },
        UrlRequest::Get { number: 1 },
    ];
    let mut rig = rig(Action::Backup, DataPath::Direct).await;
    let (mut peer, _) = rig.started().await;
    for request in refused {
        peer.say(&FromAgent::NeedUrl(request.clone())).await;
        let answer = peer.heard().await;
        assert!(
            matches!(&answer, Some(ToAgent::Refuse { .. })),
            "{request:?}: {answer:?}"
        );
        assert!(
            encode(&answer).unwrap().len() < 1024,
            "what is refused is not sent back"
        );
    }
    assert!(rig.store.held().asked.is_empty());
    rig.cancel();
    peer.cancelled().await;
    rig.failed().await;
}

#[tokio::test]
async fn a_restore_signs_reading_and_nothing_else() {
    let mut rig = rig(Action::Restore, DataPath::Direct).await;
    let (mut peer, _) = rig.started().await;
    let digest = String::new;
    for request in [
        UrlRequest::Part {
            number: 1,
            size: 5,
            checksum: digest(),
        },
        UrlRequest::Object {
            size: 5,
            checksum: digest(),
        },
    ] {
        peer.say(&FromAgent::NeedUrl(request)).await;
        assert!(matches!(peer.heard().await, Some(ToAgent::Refuse { .. })));
    }
    peer.say(&FromAgent::NeedUrl(UrlRequest::Get { number: u32::MAX }))
        .await;
    assert!(matches!(peer.heard().await, Some(ToAgent::Url { .. })));
    rig.cancel();
    peer.cancelled().await;
    rig.end().await;
    assert_eq!(rig.store.held().asked, ["head"]);
}

#[tokio::test]
async fn an_upload_that_cannot_be_created_is_not_asked_for_by_each_request_and_few_wait() {
    let mut rig = rig(Action::Backup, DataPath::Direct).await;
    rig.store.held().down = true;
    let (mut peer, _) = rig.started().await;
    for _ in 0..200 {
        peer.say(&part(1, 5)).await;
    }
    // The same one waits once. Others, more than an agent has, are too many.
    for number in 2..200 {
        peer.say(&part(number, 5)).await;
    }
    peer.dropped().await;
    let tries = rig.store.count("create");
    assert!((1..=3).contains(&tries), "{tries} tries");
    let mut peer = rig.connected().await;
    peer.welcome(AgentState::Running).await;
    rig.cancel();
    peer.cancelled().await;
    rig.failed().await;
}

#[tokio::test]
async fn a_flood_of_requests_is_signed_at_a_pace_and_a_cancel_comes_through() {
    let (mut rig, peer) = stored().await;
    let (mut peer, begun) = (peer, std::time::Instant::now());
    let mut answers = 0;
    // Asks and reads as fast as it can; three seconds beyond the burst.
    while begun.elapsed().as_secs() < 5 {
        for _ in 0..50 {
            peer.say(&part(1, 5)).await;
        }
        for _ in 0..50 {
            assert!(matches!(peer.heard().await, Some(ToAgent::Url { .. })));
        }
        answers += 50;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let most = (seconds + 3.0) * f64::from(crate::transfer::limits::URLS);
    assert!(f64::from(answers) <= most, "{answers} in {seconds} s");
    rig.cancel();
    peer.cancelled().await;
    assert_eq!(rig.failed().await.0, "Cancelled");
}

/// Another operator hung while this one took over, and has recorded its own upload when it woke: that is the one, and neither takes the other's
/// for a stray before one of them is recorded.
#[tokio::test]
async fn of_two_operators_uploads_the_one_that_is_recorded_is_used_and_the_other_one_goes() {
    for theirs in [true, false] {
        let mut rig = rig(Action::Backup, DataPath::Direct).await;
        if theirs {
            rig.store.held().uploads.push(UPLOAD.into());
            *rig.recorded.lock().unwrap() = Some(UPLOAD.into());
        }
        let (mut peer, _) = rig.started().await;
        // `is_its_own`: its URL is of `UPLOAD`.
        store(&rig, &mut peer, 1, 5).await;
        assert_eq!(rig.store.held().uploads, [UPLOAD]);
        let asked = rig.store.held().asked.clone();
        let swept = ["create", "abort", "list"];
        assert_eq!(
            asked,
            swept[..if theirs { 3 } else { 1 }],
            "nothing goes before one is recorded"
        );
        store(&rig, &mut peer, 2, 3).await;
        peer.say(&finished(report())).await;
        assert!(matches!(rig.end().await, End::Stored { .. }));
        assert!(rig.store.held().uploads.is_empty());
    }
}
