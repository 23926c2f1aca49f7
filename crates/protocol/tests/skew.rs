//! Neighbouring versions: what each version says stands in tests/frames, written by that version's own code, and never changes once it
//! was released. Today's code reads all of it, and says nothing to an older side that would surprise that.
//! `RENEW_FRAMES=1` writes the file of this version.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use protocol::{
    Action, AgentState, Check, Checksum, Compression, FromAgent, Job, OLDEST, Outcome, PartPlan, PartReceipt, Report,
    Secret, ToAgent, UrlRequest, VERSION,
};
use serde_json::Value;

fn text(words: &str) -> String {
    words.into()
}

fn outcomes() -> Vec<Outcome> {
    vec![
        Outcome::Done,
        Outcome::CommandNotStarted { message: text("none") },
        Outcome::CommandFailed { code: 3 },
        Outcome::CommandKilled {
            signal: text("SIGKILL"),
        },
        Outcome::DeadlineExceeded { seconds: 60 },
        Outcome::Empty,
        Outcome::TooSmall,
        Outcome::OutputHeld,
        Outcome::InputNotRead { left: 7 },
        Outcome::LeftRunning {
            processes: text("mysql (pid 17)"),
            seconds: 600,
        },
        Outcome::OutOfMemory,
        Outcome::CheckFailed {
            message: text("ended with status 3"),
        },
        Outcome::TransferFailed {
            step: text("upload part 7"),
            message: text("503"),
        },
        Outcome::BadObject {
            step: text("hash"),
            message: text("differs"),
        },
        Outcome::Cancelled { reason: text("asked") },
    ]
}

fn requests() -> Vec<UrlRequest> {
    let checksum = || text("c2hh");
    vec![
        UrlRequest::Part {
            number: 1,
            size: 5 << 20,
            checksum: checksum(),
        },
        UrlRequest::Object {
            size: 9,
            checksum: checksum(),
        },
        UrlRequest::Get { number: 2 },
    ]
}

/// All that an agent says to an operator of that version.
fn of_the_agent(operator: u32) -> Vec<FromAgent> {
    let report = |outcome: Outcome| {
        FromAgent::Finished(Box::new(Report {
            outcome: outcome.for_version(operator),
            bytes: 1,
            stored_bytes: 2,
            sha256: text("ab"),
            parts: vec![PartReceipt {
                number: 1,
                size: 2,
                checksum: text("c2hh"),
                etag: text("\"e\""),
            }],
            object_etag: Some(text("\"o\"")),
            stderr: text("last words"),
            peak_memory: 3,
            packed: Some(text("gzip")),
        }))
    };
    let mut all = vec![
        FromAgent::Welcome {
            version: VERSION,
            state: AgentState::Idle,
            started: false,
            killed: None,
            window: None,
        },
        FromAgent::Welcome {
            version: VERSION,
            state: AgentState::Running,
            started: true,
            killed: Some(text("SIGKILL")),
            window: Some(1 << 27),
        },
        FromAgent::Progress {
            bytes: 1,
            stored_bytes: 2,
        },
        FromAgent::Pong,
        FromAgent::Probed {
            reachable: false,
            message: text("no route"),
        },
        FromAgent::Open { stream: 1, credit: 2 },
        FromAgent::Credit { stream: 1, bytes: 2 },
        FromAgent::Close { stream: 1 },
    ];
    all.extend(requests().into_iter().map(FromAgent::NeedUrl));
    all.extend(outcomes().into_iter().map(report));
    all
}

fn job(check: Option<Check>, action: Action) -> Job {
    Job {
        command: vec![text("dump"), text("--all")],
        deadline_seconds: Some(60),
        grace_seconds: 5,
        retry_seconds: 300,
        absence_seconds: 900,
        compression: Some(Compression::Zstd { level: 3 }),
        ca_bundle: Some(text("pem")),
        proxy: Some(text("http://proxy:3128")),
        relay: true,
        bandwidth: Some(1 << 20),
        check,
        action,
    }
}

fn check(container: Option<&str>) -> Check {
    Check {
        command: vec![text("count")],
        deadline_seconds: Some(9),
        container: container.map(Into::into),
    }
}

fn jobs() -> Vec<Job> {
    let restore = || Action::Restore {
        identity: Some(Secret::new(text("AGE-SECRET-KEY-NONE"))),
        passphrase: true,
        window_log: Some(31),
        size: 9,
        sha256: Some(text("ab")),
        etag: Some(text("\"o\"")),
    };
    let backup = Action::Backup {
        recipients: vec![text("age1")],
        allow_empty: true,
        minimum: 1,
        plan: PartPlan::default(),
        checksum: Checksum::Md5,
    };
    vec![
        job(None, backup),
        job(None, restore()),
        job(Some(check(None)), restore()),
        job(Some(check(Some("scratch"))), restore()),
    ]
}

/// All that an operator says to an agent of that version.
fn of_the_operator(agent: u32) -> Vec<ToAgent> {
    let request = UrlRequest::Get { number: 2 };
    let jobs = jobs().into_iter();
    let given = jobs.filter(|job| job.need().is_none_or(|need| need.unmet(agent).is_none()));
    let mut all: Vec<_> = given.map(|job| ToAgent::Start(Box::new(job))).collect();
    all.extend([
        ToAgent::Hello {
            version: VERSION,
            run: text("uid"),
            attempt: text("backup-1"),
        },
        ToAgent::Url {
            request: request.clone(),
            url: Secret::new(text("https://store/key")),
            headers: vec![(text("a"), text("b"))].into(),
        },
        ToAgent::Refuse {
            request,
            message: text("no"),
        },
        ToAgent::Cancel {
            reason: text("asked"),
            grace_seconds: 5,
        },
        ToAgent::Done,
        ToAgent::Ping,
        ToAgent::Probe {
            url: text("https://store"),
            ca_bundle: Some(text("pem")),
            proxy: Some(text("http://proxy:3128")),
            signed: Some(Secret::new(text("https://store/none"))),
        },
        ToAgent::Pace {
            bandwidth: Some(1 << 20),
        },
        ToAgent::Opened { stream: 1, credit: 2 },
        ToAgent::Credit { stream: 1, bytes: 2 },
        ToAgent::Close {
            stream: 1,
            error: Some(text("refused")),
        },
    ]);
    all.retain(|message| message.since() <= agent);
    all
}

/// Both sides' words to a side of that version, a line each: who says it, and what.
fn said_to(version: u32) -> String {
    let agent = of_the_agent(version).into_iter();
    let agent = agent.map(|message| format!("agent {}\n", serde_json::to_string(&message).unwrap()));
    let operator = of_the_operator(version).into_iter();
    let operator = operator.map(|message| format!("operator {}\n", serde_json::to_string(&message).unwrap()));
    agent.chain(operator).collect()
}

fn file(version: u32) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/frames/v{version}"))
}

/// The versions of which frames are kept, and these.
fn kept() -> Vec<(u32, String)> {
    let found = (OLDEST..=VERSION).filter_map(|version| Some((version, fs::read_to_string(file(version)).ok()?)));
    found.collect()
}

fn messages(frames: &str) -> impl Iterator<Item = (&str, Value)> {
    frames.lines().map(|line| {
        let (who, json) = line.split_once(' ').unwrap();
        (who, serde_json::from_str(json).unwrap())
    })
}

/// Which message it is: who says it, and the word by which each tagged part of it is told from others.
fn shape(who: &str, message: &Value) -> String {
    let word = |pointer: &str| message.pointer(pointer).and_then(Value::as_str).unwrap_or("-");
    let tags = [
        "/type",
        "/for",
        "/request/for",
        "/outcome/outcome",
        "/action/action",
        "/compression/algorithm",
    ];
    let tags: Vec<_> = tags.into_iter().map(word).collect();
    format!("{who} {}", tags.join(" "))
}

/// The paths of all fields.
fn fields(value: &Value, at: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let at = format!("{at}/{key}");
                fields(value, &at, into);
                into.insert(at);
            }
        }
        Value::Array(all) => all.iter().for_each(|value| fields(value, &format!("{at}/*"), into)),
        _ => {}
    }
}

fn fields_of(message: &Value) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    fields(message, "", &mut all);
    all
}

#[test]
fn what_this_version_says_is_kept_as_it_is_and_a_change_of_it_is_decided() {
    let now = said_to(VERSION);
    if std::env::var_os("RENEW_FRAMES").is_some() {
        fs::write(file(VERSION), &now).unwrap();
    }
    let kept = fs::read_to_string(file(VERSION)).unwrap_or_default();
    assert_eq!(
        kept, now,
        "a field or a kind has changed. If releases speak version {VERSION} already, and a side that does not know it would go wrong, raise \
         protocol::VERSION and say so in since.rs; then RENEW_FRAMES=1"
    );
}

#[test]
fn everything_that_an_older_version_says_is_read() {
    let kept = kept();
    assert!(
        kept.iter().any(|(version, _)| *version < VERSION),
        "frames of a version before this one are kept"
    );
    for (version, frames) in kept {
        for (who, message) in messages(&frames) {
            let read = match who {
                "agent" => {
                    serde_json::from_value::<FromAgent>(message.clone()).map(|m| serde_json::to_value(m).unwrap())
                }
                _ => serde_json::from_value::<ToAgent>(message.clone()).map(|m| serde_json::to_value(m).unwrap()),
            };
            let read = read.unwrap_or_else(|e| panic!("version {version}: {who} {message}: {e}"));
            let lost: Vec<_> = fields_of(&message).difference(&fields_of(&read)).cloned().collect();
            assert!(lost.is_empty(), "version {version}: {who} {message} loses {lost:?}");
        }
    }
}

#[test]
fn nothing_is_said_to_an_older_version_that_it_does_not_know_and_nothing_left_out_that_it_needs() {
    for (version, frames) in kept() {
        let known: Vec<_> = messages(&frames).collect();
        for (who, message) in messages(&said_to(version)) {
            let shape_now = shape(who, &message);
            // What it said in all of a shape it may need; what in some only is optional.
            let theirs: Vec<_> = known
                .iter()
                .filter(|(who, known)| shape(who, known) == shape_now)
                .collect();
            assert!(!theirs.is_empty(), "version {version} knows no {shape_now}: {message}");
            let always = theirs
                .iter()
                .map(|(_, known)| fields_of(known))
                .reduce(|a, b| a.intersection(&b).cloned().collect())
                .unwrap();
            let missing: Vec<_> = always.difference(&fields_of(&message)).cloned().collect();
            assert!(missing.is_empty(), "version {version}: {message} lacks {missing:?}");
        }
    }
}
