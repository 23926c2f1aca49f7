//! A store that misbehaves in mid-run, as a proxy between the storage and MinIO makes it: parts are tried again, the command
//! is held back, and past the storage's `retrySeconds` the run fails and says which step.
use std::time::Duration;

use api::condition;
use api::run::State;
use e2e::bytes::{random, sum_line};
use e2e::cluster::merge;
use e2e::proxy::{Proxy, Request};
use e2e::runs::{message, status, stream};
use e2e::sts::{self, Temporary};
use e2e::{Case, case};
use futures::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

/// Two parts and the last.
const SIZE: usize = 12 << 20;
/// Until a run has ended whose store failed for a while.
const SECONDS: u64 = 120;

/// A run of the proxied storage that prints SIZE bytes at once.
fn spec(case: &Case, proxy: &Proxy, name: &str) -> Value {
    let mut spec = stream(&case.path(name), &format!("random {SIZE}"));
    spec["storage"]["name"] = json!(proxy.storage);
    spec
}

/// The run's backup is whole, and its parts were stored once.
async fn whole(case: &Case, name: &str) {
    let run = case.succeeded(name, SECONDS).await;
    case.keeps(name);
    assert!(case.store().get(&case.key(name)) == random(SIZE, 1), "{name}");
    assert_eq!(status(&run).attempts, Some(1), "{name}");
}

#[test]
fn a_store_that_fails_for_a_while_costs_time_and_nothing_else() {
    case("store-passes", |case| async move {
        let proxy = case.proxied(json!({}), Value::Null).await;
        // Name, fault, and the rule that makes it: each meets one request of its own run.
        let faults = [
            (
                "busy",
                "store: 503 SlowDown at each of the first five parts",
                "PUT",
                json!({"do": "answer", "times": 5, "status": 503, "code": "SlowDown", "message": "Please reduce your request rate."}),
            ),
            (
                "bad-digest",
                "store: one part arrives damaged (BadDigest)",
                "PUT",
                json!({"do": "answer", "times": 1, "status": 400, "code": "BadDigest", "message": "The Content-MD5 you specified did not match"}),
            ),
            (
                "expired",
                "store: the URLs of parts have expired (403)",
                "PUT",
                json!({"do": "answer", "times": 6, "status": 403, "code": "AccessDenied", "message": "Request has expired"}),
            ),
            (
                "stalls",
                "store: a part is not answered for 30 s",
                "PUT",
                json!({"do": "stall", "times": 1, "seconds": 30}),
            ),
            (
                "cut-off",
                "store: the connection breaks in the middle of a part",
                "PUT",
                json!({"do": "close", "times": 3}),
            ),
            (
                "part-lost",
                "store: a part is stored and its answer is lost",
                "PUT",
                json!({"do": "lose", "times": 2}),
            ),
            (
                "complete-busy",
                "store: complete is answered by 503 SlowDown",
                "POST",
                json!({"do": "answer", "times": 2, "status": 503, "code": "SlowDown", "message": "later", "skip": 1}),
            ),
            (
                "complete-lost",
                "store: complete is done and its answer is lost",
                "POST",
                json!({"do": "lose", "times": 1, "skip": 1}),
            ),
            (
                "create-lost",
                "store: the upload is created and the answer is lost",
                "POST",
                json!({"do": "lose", "times": 1}),
            ),
            (
                "full",
                "store: the disk is full for a while (507)",
                "PUT",
                json!({"do": "answer", "times": 4, "status": 507, "code": "XMinioStorageFull", "message": "Storage backend has reached its minimum free drive threshold."}),
            ),
        ];
        for (name, fault, method, rule) in &faults {
            case.fault(name, fault);
            proxy.rule(method, &format!("{}?", case.key(name)), rule.clone());
        }
        let met: u64 = faults.iter().filter_map(|(.., rule)| rule["times"].as_u64()).sum();
        join_all(faults.iter().map(async |(name, ..)| {
            case.start(name, spec(&case, &proxy, name)).await;
            whole(&case, name).await;
        }))
        .await;
        assert_eq!(proxy.met(), met, "each rule has met what it was for");
        // A part that was refused for its URL is asked for with another one. (Signatures are dated to the second.)
        let signed = proxy.requests(&case.key("expired"));
        let renewed = |refused: &Request| {
            let good = signed.iter().filter(|r| r.status == 200 && r.part == refused.part);
            good.into_iter().any(|r| r.date > refused.date)
        };
        assert!(signed.iter().filter(|r| r.status == 403).any(renewed), "{signed:?}");
    });
}

#[test]
fn a_store_that_is_down_for_a_moment_at_any_step_is_waited_for() {
    // Down is down for all: a proxy for each.
    let step = |name: &'static str, fault: &'static str, method: &'static str, skip: u32| {
        case(name, |case| async move {
            let proxy = case.proxied(json!({}), Value::Null).await;
            case.fault("db", fault);
            let rule = json!({"do": "down", "times": 1, "skip": skip});
            proxy.rule(method, &format!("{}?", case.key("db")), rule);
            case.start("db", spec(&case, &proxy, "db")).await;
            proxy.until_met(1, 100).await;
            // Long enough for a few tries in vain.
            tokio::time::sleep(Duration::from_secs(4)).await;
            proxy.up();
            whole(&case, "db").await;
        });
    };
    std::thread::scope(|scope| {
        let steps = [
            ("down-before", "store: down before the first part", "POST", 0),
            ("down-during", "store: down in the middle of the parts", "PUT", 1),
            ("down-at-end", "store: down at complete", "POST", 1),
        ];
        let all: Vec<_> = steps
            .into_iter()
            .map(|(name, fault, method, skip)| scope.spawn(move || step(name, fault, method, skip)))
            .collect();
        for one in all {
            if let Err(panic) = one.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}

#[test]
fn a_command_that_ended_in_time_may_wait_for_its_store_past_its_deadline() {
    case("in-time", |case| async move {
        let proxy = case.proxied(json!({}), Value::Null).await;
        case.fault("db", "store: away while deadlineSeconds pass, the command ended before");
        case.keeps("db");
        // So few bytes are sent when the command has ended.
        let mut spec = spec(&case, &proxy, "db");
        spec["backup"] = json!({"command": ["/stream", "random", "1000"], "deadlineSeconds": 45});
        let down = json!({"do": "down", "times": 1});
        proxy.rule("PUT", &format!("{}?", case.key("db")), down);
        // One that is not killed signs the part in time.
        let steady = e2e::operator::steady().await;
        case.start("db", spec).await;
        let begun = case.until("db", "has its command started", 60, |run| {
            status(run).transfer?.command_started_at
        });
        let deadline = begun.await.0 + Duration::from_secs(45);
        proxy.until_met(1, 60).await;
        assert!(
            Timestamp::now() < deadline,
            "the store was not away before the deadline"
        );
        drop(steady);
        // Longer than a command gets between SIGTERM and SIGKILL.
        while Timestamp::now() < deadline + Duration::from_secs(7) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        proxy.up();
        let said = status(&case.succeeded("db", SECONDS).await);
        assert!(said.completion_time.unwrap().0 > deadline);
        assert_eq!((said.bytes, said.attempts), (Some(1000), Some(1)));
        assert_eq!(case.store().get(&case.key("db")), random(1000, 1));
    });
}

/// What the run says when the store does not come back within the storage's `retrySeconds`, and that all is cleaned up
/// when it is there again: an upload that could not be aborted stays in the status until it is.
fn never_back(name: &str, fault: &str, (method, skip): (&str, u32), reason: &str, words: &[&str]) {
    case(name, |case| async move {
        let proxy = case.proxied(json!({"retrySeconds": "10"}), Value::Null).await;
        case.fault("db", fault);
        let rule = json!({"do": "down", "times": 1, "skip": skip});
        proxy.rule(method, &format!("{}?", case.key("db")), rule);
        case.start("db", spec(&case, &proxy, "db")).await;
        let run = case
            .until("db", "is said to have failed", 90, |run| {
                (status(run).state == Some(State::BackupFailed)).then(|| run.clone())
            })
            .await;
        // Another operator that takes over meanwhile looks first at what lies there, and names that step.
        let looked = skip > 0 && message(&run).contains("what is stored cannot be looked at");
        for word in words.iter().filter(|_| !looked) {
            assert!(message(&run).contains(word), "{word:?} is not in {:?}", message(&run));
        }
        if skip > 0 {
            let transfer = status(&run).transfer.expect("the upload that could not be aborted");
            assert!(transfer.upload_id.is_some());
            assert_eq!(case.store().uploads(&case.key("db")), 1);
        }
        proxy.up();
        let reason = if looked { "StoreUnreachable" } else { reason };
        case.failed("db", reason, 70).await;
    });
}

#[test]
fn a_store_that_does_not_come_back_before_the_first_part_fails_the_run_and_says_so() {
    let words = ["the upload cannot be created", "no connection"];
    let fault = "store: down before the first part, for good";
    never_back("gone-before", fault, ("POST", 0), "TransferFailed", &words);
}

#[test]
fn a_store_that_does_not_come_back_in_the_middle_fails_the_run_with_its_part() {
    let fault = "store: down in the middle of the parts, for good";
    never_back("gone-during", fault, ("PUT", 1), "TransferFailed", &["upload part "]);
}

#[test]
fn a_store_that_does_not_come_back_at_complete_fails_the_run_with_this_step() {
    let fault = "store: down at complete, for good";
    let words = ["could not be completed", "no connection"];
    never_back("gone-at-end", fault, ("POST", 1), "CompleteFailed", &words);
}

#[test]
fn a_store_that_refuses_for_good_fails_the_run_with_the_step_and_the_cure() {
    case("store-refuses", |case| async move {
        let proxy = case.proxied(json!({"retrySeconds": "10"}), Value::Null).await;
        let skew = (
            403,
            "RequestTimeTooSkewed",
            "The difference between the request time and the server's time is too large.",
        );
        let bucket = (404, "NoSuchBucket", "The specified bucket does not exist");
        let full = (
            507,
            "XMinioStorageFull",
            "Storage backend has reached its minimum free drive threshold.",
        );
        let denied = (403, "AccessDenied", "Access Denied.");
        let faults = [
            (
                "skew-create",
                "store: a clock 20 minutes off, from the start",
                "POST",
                skew,
                "TransferFailed",
                vec!["the upload cannot be created", "clocks"],
            ),
            (
                "skew-part",
                "store: a clock 20 minutes off, at a part",
                "PUT",
                skew,
                "TransferFailed",
                vec!["upload part ", "clocks"],
            ),
            (
                "bucket",
                "store: the bucket is gone in mid-run",
                "PUT",
                bucket,
                "TransferFailed",
                vec!["upload part ", "NoSuchBucket"],
            ),
            (
                "full",
                "store: the disk is full, for good (507)",
                "PUT",
                full,
                "TransferFailed",
                vec!["upload part ", "XMinioStorageFull"],
            ),
            (
                "denied",
                "store: writing is forbidden in mid-run",
                "PUT",
                denied,
                "TransferFailed",
                vec!["upload part ", "AccessDenied"],
            ),
        ];
        for (name, fault, method, answer, ..) in &faults {
            case.fault(name, fault);
            proxy.answers(method, &format!("{}?", case.key(name)), 0, *answer);
        }
        // The command printed whole bytes, the store took them all, and then does not make the object of them.
        case.fault("complete", "store: complete is refused");
        let refused =
            json!({"do": "answer", "status": 400, "code": "InvalidPart", "message": "no such part", "skip": 1});
        proxy.rule("POST", &format!("{}?", case.key("complete")), refused);
        let refused = async {
            case.start("complete", spec(&case, &proxy, "complete")).await;
            let run = case.failed("complete", "CompleteFailed", SECONDS).await;
            assert!(message(&run).contains("InvalidPart"), "{}", message(&run));
        };
        let others = join_all(faults.iter().map(async |(name, _, _, _, reason, words)| {
            case.start(name, spec(&case, &proxy, name)).await;
            let run = case.failed(name, reason, SECONDS).await;
            for word in words {
                assert!(
                    message(&run).contains(word),
                    "{name}: {word:?} is not in {:?}",
                    message(&run)
                );
            }
        }));
        futures::join!(refused, others);
    });
}

/// From now on the store takes nothing, and the storage says so.
async fn fills(case: &Case, proxy: &Proxy) {
    for method in ["POST", "PUT"] {
        let full = (
            507,
            "XMinioStorageFull",
            "Storage backend has reached its minimum free drive threshold.",
        );
        proxy.answers(method, "", 0, full);
    }
    // Another spec is probed at once.
    let change = json!({"spec": {"parameters": {"retrySeconds": "11"}}});
    merge(&case.storages(), &proxy.storage, change).await;
    case.wait("the storage says that its store is full", 60, || async {
        let status = case.storages().get(&proxy.storage).await.ok()?.status?;
        let ready = condition::find(&status.conditions, condition::READY)?;
        (ready.reason == "StoreFull").then_some(())
    })
    .await;
}

#[test]
fn a_store_that_is_full_gives_back_what_it_has_and_gets_no_new_backup() {
    case("store-full", |case| async move {
        let proxy = case.proxied(json!({}), Value::Null).await;
        case.fault("db", "store: the disk is full when a restore is asked for");
        case.start("db", spec(&case, &proxy, "db")).await;
        whole(&case, "db").await;
        fills(&case, &proxy).await;
        case.start("next", spec(&case, &proxy, "next")).await;
        case.until("next", "waits for room", 60, |run| {
            message(run).contains("make room there").then_some(())
        })
        .await;
        let restored = status(&case.restore("db").await).log.unwrap_or_default();
        assert_eq!(restored.trim(), sum_line(&random(SIZE, 1)));
        assert_eq!(status(&case.runs().get("next").await.unwrap()).start_time, None);
        proxy.forget();
        whole(&case, "next").await;
    });
}

#[test]
fn a_run_whose_store_fills_up_waits_for_room_before_its_next_attempt() {
    case("store-fills", |case| async move {
        let proxy = case.proxied(json!({"retrySeconds": "10"}), Value::Null).await;
        case.fault("db", "store: the disk fills up in mid-run");
        let mut slow = spec(&case, &proxy, "db");
        slow["backoffLimit"] = json!(1);
        slow["backup"]["command"] = json!(["/stream", "slow", "random", SIZE.to_string(), "40"]);
        // Until the store is full: what was held back by the lack of an operator is stored at once.
        let steady = e2e::operator::steady().await;
        case.start("db", slow).await;
        case.until("db", "has an upload", 60, |run| status(run).transfer?.upload_id)
            .await;
        fills(&case, &proxy).await;
        let waits = case
            .until("db", "waits for room after its first attempt", 90, |run| {
                message(run).contains("make room there").then(|| status(run))
            })
            .await;
        drop(steady);
        assert_eq!((waits.attempts, waits.state), (Some(1), Some(State::Backuping)));
        // Longer than the pause between two attempts: the database is not dumped for nothing.
        tokio::time::sleep(Duration::from_secs(15)).await;
        let waits = status(&case.runs().get("db").await.unwrap());
        assert_eq!((waits.attempts, waits.completion_time), (Some(1), None));
        proxy.forget();
        let run = case.succeeded("db", SECONDS).await;
        case.keeps("db");
        assert!(case.store().get(&case.key("db")) == random(SIZE, 1));
        assert_eq!(status(&run).attempts, Some(2));
    });
}

#[test]
fn an_upload_that_cannot_be_aborted_is_recorded_and_tried_again_until_it_is() {
    case("abort", |case| async move {
        let proxy = case.proxied(json!({}), Value::Null).await;
        case.fault("db", "store: the abort of a failed run is answered by 503");
        let busy = (503, "SlowDown", "later");
        proxy.answers("DELETE", &format!("{}?", case.key("db")), 4, busy);
        let mut spec = spec(&case, &proxy, "db");
        // More than the agent holds, so that parts were signed, and with that the upload recorded, before the command ends. An
        // upload that is not recorded is found and aborted, too, but has no name in the status.
        spec["backup"]["command"] = json!(["/stream", "fail", "3", "random", "64M"]);
        case.start("db", spec).await;
        let upload = case
            .until("db", "has failed and still names its upload", 60, |run| {
                let failed = status(run).state == Some(State::BackupFailed);
                failed.then(|| status(run).transfer.and_then(|t| t.upload_id))
            })
            .await;
        assert!(upload.is_some(), "the upload is recorded until it is gone");
        let run = case.failed("db", "CommandFailed", 60).await;
        assert_eq!(status(&run).transfer, None);
        assert_eq!(proxy.met(), 4);
    });
}

#[test]
fn access_keys_that_are_rotated_in_mid_run_are_used_from_then_on() {
    case("rotated", |case| async move {
        let secret = |keys: &Temporary| {
            let data = json!({"AWS_ACCESS_KEY_ID": keys.id, "AWS_SECRET_ACCESS_KEY": keys.secret, "AWS_SESSION_TOKEN": keys.token});
            json!({"metadata": {"name": "keys"}, "stringData": data})
        };
        let (old, new) = (sts::temporary(case.store()), sts::temporary(case.store()));
        assert_ne!(old.id, new.id);
        case.apply::<Secret>(secret(&old)).await;
        let proxy = case
            .proxied(json!({}), json!({"name": "keys", "namespace": case.namespace()}))
            .await;
        case.fault("db", "store: the access keys are rotated in mid-run");
        case.fault("ends", "store: the access keys are rotated before complete");
        let mut slow = spec(&case, &proxy, "db");
        slow["backup"]["command"] = json!(["/stream", "slow", "random", SIZE.to_string(), "40"]);
        // All parts of the one are stored when the old keys die, and it waits to be completed; so does the other one, should it come that far.
        for name in ["db", "ends"] {
            let later = json!({"do": "answer", "skip": 1, "status": 503, "code": "SlowDown", "message": "later"});
            proxy.rule("POST", &format!("{}?", case.key(name)), later);
        }
        case.start("db", slow).await;
        case.start("ends", spec(&case, &proxy, "ends")).await;
        let upload = |run: &api::BackupRun| status(run).transfer?.upload_id;
        futures::join!(
            case.until("db", "has an upload", 100, upload),
            case.until("ends", "has an upload", 100, upload)
        );
        // The store forgets the old keys, and then the Secret gets the new ones.
        let unknown = (
            403,
            "InvalidAccessKeyId",
            "The Access Key Id you provided does not exist in our records.",
        );
        proxy.answers("", &old.id, 0, unknown);
        let met = proxy.met();
        proxy.until_met(met + 2, 60).await;
        case.apply::<Secret>(secret(&new)).await;
        // Once it is asked with the new ones, it may be completed.
        case.wait("the completion is signed with the new keys", 60, || async {
            let asked = proxy.requests(&case.key("ends"));
            let with_new = |r: &Request| r.method == "POST" && r.credential.starts_with(&new.id);
            asked.iter().any(with_new).then_some(())
        })
        .await;
        proxy.forget();
        proxy.answers("", &old.id, 0, unknown);
        whole(&case, "db").await;
        whole(&case, "ends").await;
        let signed = |name: &str, id: &str| {
            let good = proxy.requests(&case.key(name)).into_iter().filter(|r| r.status == 200);
            good.filter(|r| r.credential.starts_with(id)).count()
        };
        assert!(signed("db", &old.id) > 0 && signed("db", &new.id) > 0);
        assert!(signed("ends", &new.id) > 0);
    });
}
