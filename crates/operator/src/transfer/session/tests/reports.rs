//! An agent's report is a claim: what it has to agree with before anything becomes visible.
use std::collections::HashMap;

use axum::http::StatusCode;

use api::names::Action;
use api::storage::DataPath;
use planner::run::{End, Reason};
use protocol::{AgentState, FromAgent, Outcome, Report, ToAgent, UrlRequest};

use super::rig::{Peer, Rig, rig, rig_after, rig_of};
use super::{finished, foul, part, receipt, report, store, stored};

#[tokio::test]
async fn what_was_signed_for_and_stored_is_completed() {
    let (mut rig, mut peer) = stored().await;
    peer.say(&finished(report())).await;
    let end = rig.end().await;
    assert!(
        matches!(
            end,
            End::Stored {
                bytes: 8,
                stored_bytes: 8,
                ..
            }
        ),
        "{end:?}"
    );
    assert_eq!(peer.heard().await, Some(ToAgent::Done));
    assert_eq!(rig.store.held().asked, ["create", "head", "get", "complete", "head"]);
}

/// The crash window between complete and status, where the store is still at the dead operator's request.
#[tokio::test]
async fn a_completion_that_a_dead_operator_left_at_work_is_waited_for() {
    let (mut rig, mut peer) = stored().await;
    rig.store.held().completing = Some(1);
    peer.say(&finished(report())).await;
    let end = rig.end().await;
    assert!(matches!(end, End::Stored { stored_bytes: 8, .. }), "{end:?}");
    assert_eq!(peer.heard().await, Some(ToAgent::Done));
    assert_eq!(rig.store.count("complete"), 2);
}

/// Metadata of an object that a run of another cluster wrote, as the store gives them back.
fn another() -> HashMap<String, String> {
    [
        ("run", "uid-2"),
        ("attempt", "backup-1"),
        ("name", "shop/other"),
        ("cluster", "there"),
    ]
    .map(|(name, value)| (format!("x-amz-meta-backup-operator-{name}"), value.to_string()))
    .into()
}

#[tokio::test]
async fn what_another_run_wrote_while_this_backup_was_made_is_not_replaced() {
    for late in [false, true] {
        let (mut rig, mut peer) = stored().await;
        if late {
            rig.store.held().intruder = Some(another());
        } else {
            rig.store.held().object = Some((3, another()));
        }
        peer.say(&finished(report())).await;
        let End::Failed { reason, message, .. } = rig.end().await else {
            panic!("it was replaced");
        };
        assert_eq!(reason, Reason::PathTaken, "{message}");
        assert!(
            message.contains("shop/other") && message.contains("db.sql"),
            "{message}"
        );
        let held = rig.store.held();
        assert_eq!(held.object.as_ref().map(|(size, _)| *size), Some(3), "late: {late}");
        assert_eq!(held.asked.last().map(String::as_str), Some("abort"), "{:?}", held.asked);
        assert_eq!(held.asked.contains(&"complete".to_string()), late, "{:?}", held.asked);
    }
}

/// The answer to a completion is lost, and stores have many words for an upload that they have completed. Seen: s3proxy,
/// s3s-fs, s3rver.
#[tokio::test(start_paused = true)]
async fn whatever_a_store_says_of_a_second_completion_the_object_that_is_there_is_good() {
    for said in [
        (StatusCode::NOT_FOUND, "NoSuchKey"),
        (StatusCode::FORBIDDEN, "AccessDenied"),
        (StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
    ] {
        let (mut rig, mut peer) = stored().await;
        rig.store.held().loses_an_answer = true;
        rig.store.held().completed_again = Some(said);
        peer.say(&finished(report())).await;
        let end = rig.end().await;
        assert!(matches!(end, End::Stored { stored_bytes: 8, .. }), "{said:?}: {end:?}");
        assert!(rig.store.held().object.is_some(), "{said:?}: it was taken back");
    }
}

/// An object that is put whole is asked for as a new one; its agent reports that one is there without looking whose.
#[tokio::test]
async fn an_object_that_is_there_when_one_is_put_is_ones_own_or_is_not_replaced() {
    for own in [true, false] {
        let mut rig = rig(Action::Backup, DataPath::Direct).await;
        let (mut peer, _) = rig.started().await;
        let checksum = String::new();
        peer.say(&FromAgent::NeedUrl(UrlRequest::Object { size: 8, checksum }))
            .await;
        let Some(ToAgent::Url { headers, .. }) = peer.heard().await else {
            panic!()
        };
        assert!(headers.contains(&("if-none-match".into(), "*".into())), "{headers:?}");
        let ours = headers
            .iter()
            .filter(|(name, _)| name.starts_with("x-amz-meta-"))
            .cloned();
        let metadata = if own { ours.collect() } else { another() };
        rig.store.held().object = Some((8, metadata));
        let (parts, object_etag) = (vec![], Some(String::new()));
        peer.say(&finished(Report {
            parts,
            object_etag,
            ..report()
        }))
        .await;
        match rig.end().await {
            End::Stored { stored_bytes: 8, .. } => assert!(own),
            End::Failed { reason, message, .. } => {
                assert!(
                    !own && reason == Reason::PathTaken && message.contains("shop/other"),
                    "{message}"
                );
                assert!(rig.store.held().object.is_some(), "another's object was removed");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn an_agent_that_does_not_know_what_a_refusal_means_is_given_none() {
    let mut rig = rig(Action::Backup, DataPath::Direct).await;
    let mut peer = rig.connected().await;
    peer.welcome_as(protocol::ONLY_NEW - 1, AgentState::Idle, false, None)
        .await;
    assert!(matches!(peer.heard().await, Some(ToAgent::Start(_))));
    let checksum = String::new();
    peer.say(&FromAgent::NeedUrl(UrlRequest::Object { size: 8, checksum }))
        .await;
    let Some(ToAgent::Url { headers, .. }) = peer.heard().await else {
        panic!()
    };
    assert!(headers.iter().all(|(name, _)| name != "if-none-match"), "{headers:?}");
    rig.cancel();
}

/// Crash window: the answer to a completion is lost, and the store says of the second that an object is there.
#[tokio::test(start_paused = true)]
async fn an_object_that_is_there_because_of_a_lost_answer_is_this_backups_own() {
    let (mut rig, mut peer) = stored().await;
    rig.store.held().loses_an_answer = true;
    peer.say(&finished(report())).await;
    let end = rig.end().await;
    assert!(matches!(end, End::Stored { stored_bytes: 8, .. }), "{end:?}");
}

#[tokio::test]
async fn a_report_that_lies_ends_in_failed_and_nothing_is_visible() {
    type Lie = (&'static str, fn(&mut Report), &'static str);
    let lies: [Lie; 18] = [
        (
            "a part that nothing was signed for",
            |r| r.parts.push(receipt(3, 0)),
            "part 3",
        ),
        (
            "a part of another size",
            |r| r.parts = vec![receipt(1, 4), receipt(2, 4)],
            "part 1 of 4",
        ),
        (
            "a part twice",
            |r| r.parts = vec![receipt(1, 5), receipt(1, 3)],
            "2 parts",
        ),
        ("part 0", |r| r.parts.insert(0, receipt(0, 0)), "3 parts"),
        ("parts out of order", |r| r.parts.reverse(), "2 parts"),
        ("a part left out", |r| drop(r.parts.remove(0)), "1 parts"),
        ("no parts", |r| r.parts.clear(), "0 parts"),
        (
            "more bytes than the parts have",
            |r| r.stored_bytes = u64::MAX,
            "8 bytes",
        ),
        (
            "parts whose sum overflows",
            |r| r.parts = vec![receipt(1, u64::MAX), receipt(2, u64::MAX)],
            "add up",
        ),
        (
            "an object put whole beside parts",
            |r| r.object_etag = Some("\"e\"".into()),
            "put whole",
        ),
        (
            "only an object put whole",
            |r| (r.parts, r.object_etag) = (vec![], Some("\"e\"".into())),
            "put whole",
        ),
        ("no hash", |r| r.sha256.clear(), "SHA-256"),
        (
            "a hash that is torn where it is cut",
            |r| r.sha256 = format!("a{}", "ä".repeat(100)),
            "SHA-256",
        ),
        (
            "an ETag that is no ETag",
            |r| r.parts[0].etag = "\0</ETag>".into(),
            "ETag",
        ),
        (
            "an ETag of a megabyte",
            |r| r.parts[0].etag = "e".repeat(1 << 20),
            "ETag",
        ),
        (
            "a checksum that was not asked for",
            |r| r.parts[0].checksum = "c".into(),
            "checksum",
        ),
        (
            "a standard error that acts",
            |r| (r.stderr, r.sha256) = (foul(), String::new()),
            "SHA-256",
        ),
        (
            "10,000 parts",
            |r| r.parts = (1..=10_000).map(|n| receipt(n, 1)).collect(),
            "10000 parts",
        ),
    ];
    for (lie, tell, words) in lies {
        let (mut rig, mut peer) = stored().await;
        let mut report = report();
        tell(&mut report);
        peer.say(&finished(report)).await;
        let (reason, message) = rig.failed().await;
        assert_eq!(reason, "AgentReport", "{lie}");
        assert!(message.contains(words), "{lie}: {message}");
        assert_eq!(rig.store.count("complete"), 0, "{lie}");
    }
}

#[tokio::test]
async fn a_part_that_was_signed_for_and_never_stored_is_refused_by_the_store() {
    let mut rig = rig(Action::Backup, DataPath::Direct).await;
    let (mut peer, _) = rig.started().await;
    peer.say(&part(1, 8)).await;
    assert!(matches!(peer.heard().await, Some(ToAgent::Url { .. })));
    let parts = vec![receipt(1, 8)];
    peer.say(&finished(Report { parts, ..report() })).await;
    let (reason, message) = rig.failed().await;
    assert_eq!(reason, "CompleteFailed");
    assert!(
        message.contains("InvalidPart") && message.contains("spec.dataPath: Relay"),
        "{message}"
    );
}

#[tokio::test]
async fn another_runs_object_is_not_taken_for_ones_own() {
    let mut rig = rig(Action::Backup, DataPath::Direct).await;
    rig.store.held().object = Some((8, Default::default()));
    let (mut peer, _) = rig.started().await;
    // Nothing was asked for, and the object of that size is somebody else's.
    let (parts, object_etag) = (vec![], Some("\"etag-0\"".to_string()));
    peer.say(&finished(Report {
        parts,
        object_etag,
        ..report()
    }))
    .await;
    let end = rig.end().await;
    assert!(
        matches!(&end, End::Failed { reason: Reason::AgentReport, message, .. } if message.contains("nothing was signed for")),
        "{end:?}"
    );
}

/// Has an object of five bytes signed for and puts it whole: the run's own, or one that says of nobody that it is his.
async fn put_whole(rig: &Rig, peer: &mut Peer, own: bool) {
    let checksum = String::new();
    peer.say(&FromAgent::NeedUrl(UrlRequest::Object { size: 5, checksum }))
        .await;
    let Some(ToAgent::Url { headers, .. }) = peer.heard().await else {
        panic!()
    };
    let metadata = headers
        .iter()
        .filter(|(name, _)| own && name.starts_with("x-amz-meta-"))
        .cloned();
    rig.store.held().object = Some((5, metadata.collect()));
}

#[tokio::test]
async fn what_a_failed_agent_has_put_whole_is_removed_and_what_is_anothers_is_not() {
    for (own, left) in [(true, false), (false, true)] {
        let mut rig = rig(Action::Backup, DataPath::Direct).await;
        let (mut peer, _) = rig.started().await;
        put_whole(&rig, &mut peer, own).await;
        let outcome = Outcome::CommandFailed { code: 1 };
        peer.say(&finished(Report {
            outcome,
            parts: vec![],
            ..report()
        }))
        .await;
        let end = rig.end().await;
        assert!(
            matches!(
                end,
                End::Failed {
                    reason: Reason::CommandFailed,
                    ..
                }
            ),
            "{end:?}"
        );
        assert_eq!(rig.store.held().object.is_some(), left);
    }
}

#[tokio::test]
async fn a_failure_is_told_in_words_that_do_nothing() {
    let outcomes = [
        Outcome::CommandNotStarted { message: foul() },
        Outcome::CommandKilled { signal: foul() },
        Outcome::TransferFailed {
            step: foul(),
            message: foul(),
        },
        Outcome::BadObject {
            step: foul(),
            message: foul(),
        },
        Outcome::Cancelled { reason: foul() },
        Outcome::DeadlineExceeded { seconds: u64::MAX },
        Outcome::InputNotRead { left: u64::MAX },
        Outcome::LeftRunning {
            processes: foul(),
            seconds: u64::MAX,
        },
        Outcome::OutOfMemory,
        Outcome::CommandFailed { code: i32::MIN },
    ];
    for outcome in outcomes {
        let (mut rig, mut peer) = stored().await;
        let report = Report {
            outcome: outcome.clone(),
            stderr: foul(),
            bytes: u64::MAX,
            stored_bytes: u64::MAX,
            peak_memory: u64::MAX,
            packed: None,
            ..report()
        };
        peer.say(&finished(report)).await;
        // The operator asks whether the store is reached: that is nothing to be held up by.
        if matches!(
            outcome,
            Outcome::TransferFailed { .. } | Outcome::DeadlineExceeded { .. }
        ) {
            assert!(matches!(peer.heard().await, Some(ToAgent::Probe { .. })));
            peer.say(&FromAgent::Probed {
                reachable: false,
                message: foul(),
            })
            .await;
        }
        rig.failed().await;
    }
}

#[tokio::test]
async fn a_restore_is_done_when_all_of_the_object_was_read() {
    let hash = "ab".repeat(32);
    let cases = [
        // URLs, bytes that were read, SHA-256, whether that is a restore.
        (1, 10, hash.as_str(), true),
        (0, 10, &hash, false),
        (1, 9, &hash, false),
        (1, u64::MAX, &hash, false),
        (1, 10, "", false),
        (1, 10, &foul(), false),
    ];
    for (urls, stored_bytes, sha256, good) in cases {
        let mut run = testing::backup_run();
        run.status = Some(api::BackupRunStatus {
            sha256: Some(hash.clone()),
            ..Default::default()
        });
        let mut rig = rig_of(Action::Restore, DataPath::Direct, run).await;
        let (mut peer, _) = rig.started().await;
        for number in 0..urls {
            peer.say(&FromAgent::NeedUrl(UrlRequest::Get { number })).await;
            assert!(matches!(peer.heard().await, Some(ToAgent::Url { .. })));
        }
        let (parts, sha256) = (vec![], sha256.to_string());
        peer.say(&finished(Report {
            stored_bytes,
            sha256,
            parts,
            ..report()
        }))
        .await;
        let end = rig.end().await;
        assert_eq!(matches!(end, End::Restored { .. }), good, "{end:?}");
        // Without a word of progress before, and only where it is proved that so much was read.
        let counted: u64 = rig
            .context
            .registry
            .traffic
            .restored
            .all()
            .iter()
            .map(|(_, bytes)| bytes)
            .sum();
        assert_eq!(counted, if good { 10 } else { 0 });
        assert!(
            good || matches!(
                end,
                End::Failed {
                    reason: Reason::AgentReport,
                    ..
                }
            ),
            "{end:?}"
        );
    }
}

#[tokio::test]
async fn a_restore_that_runs_already_goes_on_where_the_next_operator_does_not_see_its_object() {
    let hash = "ab".repeat(32);
    let mut run = testing::backup_run();
    run.status = Some(api::BackupRunStatus {
        sha256: Some(hash.clone()),
        size_in_bytes: Some(10),
        ..Default::default()
    });
    let mut rig = rig_after(Action::Restore, DataPath::Direct, run, true).await;
    rig.store.held().object = None;
    let mut peer = rig.connected().await;
    peer.welcome_after(AgentState::Running, true, None).await;
    let report = Report {
        stored_bytes: 10,
        sha256: hash,
        parts: vec![],
        ..report()
    };
    peer.say(&finished(report)).await;
    let end = rig.end().await;
    assert!(matches!(end, End::Restored { .. }), "{end:?}");
}

#[tokio::test]
async fn a_backup_that_is_too_small_is_told_in_numbers_and_never_completed() {
    let mut run = testing::backup_run();
    run.spec.backup.as_mut().unwrap().min_size = Some("1Ki".into());
    let mut rig = rig_of(Action::Backup, DataPath::Direct, run).await;
    let (mut peer, job) = rig.started().await;
    assert!(
        matches!(job.action, protocol::Action::Backup { minimum: 1024, .. }),
        "{job:?}"
    );
    let outcome = Outcome::TooSmall;
    peer.say(&finished(Report { outcome, ..report() })).await;
    let (reason, message) = rig.failed().await;
    assert_eq!(reason, "TooSmall");
    assert!(message.contains("8 bytes") && message.contains("1024"), "{message}");
    assert_eq!(rig.store.count("complete"), 0);
}

#[tokio::test]
async fn parts_are_planned_by_the_size_that_is_expected_where_the_agent_knows_such_a_plan() {
    for (version, first) in [(protocol::VERSION, true), (protocol::PLAN - 1, false)] {
        let mut run = testing::backup_run();
        run.spec.backup.as_mut().unwrap().expected_size = Some("100Gi".into());
        let mut rig = rig_of(Action::Backup, DataPath::Direct, run).await;
        let mut peer = rig.connected().await;
        peer.welcome_as(version, AgentState::Idle, false, None).await;
        let Some(ToAgent::Start(job)) = peer.heard().await else {
            panic!("no job");
        };
        let protocol::Action::Backup { plan, .. } = job.action else {
            panic!("{job:?}");
        };
        assert_eq!((plan.smallest, plan.first != 0), (12 << 20, first), "version {version}");
        rig.cancel();
        peer.cancelled().await;
        rig.failed().await;
    }
}

/// Crash window: the agent stores the object and cannot say so; reconcile finds it, tells of a good backup, and gives the session up.
#[tokio::test]
async fn an_attempt_that_was_given_up_takes_nothing_back() {
    let mut rig = rig(Action::Backup, DataPath::Direct).await;
    let (mut peer, _) = rig.started().await;
    put_whole(&rig, &mut peer, true).await;
    drop(peer);
    let mut peer = rig.connected().await;
    assert!(matches!(peer.heard().await, Some(ToAgent::Hello { .. })));
    rig.cancel();
    drop(peer);
    let end = rig.end().await;
    assert!(
        matches!(
            end,
            End::Failed {
                reason: Reason::Cancelled,
                ..
            }
        ),
        "{end:?}"
    );
    assert!(rig.store.held().object.is_some(), "the backup is gone");
}

/// Crash window: reconcile has told the end of an attempt whose agent goes on for a moment.
#[tokio::test]
async fn what_is_finished_after_it_was_given_up_does_not_become_visible() {
    let (mut rig, mut peer) = stored().await;
    rig.cancel();
    while !matches!(peer.heard().await, Some(ToAgent::Cancel { .. })) {}
    peer.say(&finished(report())).await;
    assert_eq!(rig.failed().await.0, "Cancelled");
    assert_eq!(rig.store.count("complete"), 0);
}

/// Its operator died, the next one's session hangs in a connection, and meanwhile the next attempt has begun its upload.
#[tokio::test]
async fn an_attempt_that_was_given_up_looks_for_no_uploads_but_its_own() {
    let mut rig = rig_after(Action::Backup, DataPath::Direct, testing::backup_run(), true).await;
    let mut peer = rig.connected().await;
    assert!(matches!(peer.heard().await, Some(ToAgent::Hello { .. })));
    rig.cancel();
    drop(peer);
    assert_eq!(rig.failed().await.0, "Cancelled");
    assert!(rig.store.held().asked.is_empty(), "{:?}", rig.store.held().asked);
}

#[tokio::test]
async fn one_report_is_enough() {
    let (mut rig, mut peer) = stored().await;
    for n in 0..20 {
        let outcome = if n == 0 { Outcome::Empty } else { Outcome::Done };
        peer.say(&finished(Report { outcome, ..report() })).await;
    }
    assert_eq!(rig.failed().await.0, "EmptyBackup");
    assert_eq!(rig.store.count("complete"), 0);
}

#[tokio::test]
async fn progress_that_jumps_about_only_grows_and_fits() {
    let (mut rig, mut peer) = stored().await;
    for (bytes, stored_bytes) in [(5, 7), (3, 9), (u64::MAX, 0), (0, 0)] {
        peer.say(&FromAgent::Progress { bytes, stored_bytes }).await;
    }
    store(&rig, &mut peer, 3, 1).await;
    assert_eq!(rig.progress(), (crate::transfer::limits::BYTES, 9));
    rig.cancel();
    peer.cancelled().await;
    rig.failed().await;
}
