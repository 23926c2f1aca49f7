//! `rewrap`: a good backup for another set of recipients, proved, and what it was before removed.
use std::io::Write;
use std::time::{Duration, Instant};

use api::requests::REWRAPS;
use api::rewrap::RewrapRequest;
use api::{BackupRun, condition, labels};
use kube::ResourceExt;
use planner::run::rewrap_request::{current, set};

use crate::act;
use crate::read::connect::{Cluster, Session};
use crate::read::fault::Fault;
use crate::read::target::{Of, only};
use crate::read::time::span;
use crate::show::fold::say;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// Which backup, and who may read it from now on.
#[derive(clap::Args)]
pub struct Args {
    /// The run with the backup.
    #[arg(value_name = "RUN")]
    run: String,
    /// Whom it is to be encrypted for, too: age1..., "ssh-ed25519 ..." or "ssh-rsa ..."; may be given several times.
    #[arg(long = "add-recipient", value_name = "RECIPIENT", required_unless_present = "remove")]
    add: Vec<String>,
    /// Whom it is to be encrypted for no more; may be given several times. One has to be left.
    #[arg(long = "remove-recipient", value_name = "RECIPIENT")]
    remove: Vec<String>,
    /// Only ask for it: do not wait for its end.
    #[arg(long)]
    detach: bool,
    /// How long to wait for its end, such as 90s, 15m or 2h30m. It goes on after that.
    #[arg(long, value_name = "SPAN", default_value = "24h", value_parser = span)]
    timeout: Duration,
    #[command(flatten)]
    cluster: Cluster,
}

/// Asks the operator for the rewrap, and waits until the new object is proved and the old one gone.
///
/// # Errors
/// It cannot be, failed, or was not done in time.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), Fault> {
    let name = only(Of::Run, &args.run, "rewrap")?;
    let session = args.cluster.connect()?;
    session.block_on(work(&session, args, &name, out))
}

async fn work(session: &Session, args: &Args, name: &str, out: &mut dyn Write) -> Result<(), Fault> {
    let namespace = session.namespace.clone();
    let doing = format!("encrypt the backup of {name} for others");
    let fault = |why: String| Fault::new(&doing, why, format!("kubectl backup describe run {name}"));
    let run: BackupRun = session.get(&namespace, name).await?;
    let request = RewrapRequest {
        add: args.add.clone(),
        remove: args.remove.clone(),
    };
    let text = serde_json::to_string(&request).map_err(|e| fault(e.to_string()))?;
    let wanted = check(&run, &text).map_err(fault)?;
    let before = done(&run);
    act::rewrap(session, &run, &text).await?;
    let _ = writeln!(out, "backuprun/{name} is to be encrypted for: {}", wanted.join(", "));
    if args.detach {
        return Ok(());
    }
    let (until, mut told) = (Instant::now() + args.timeout, String::new());
    loop {
        let run: BackupRun = session.get(&namespace, name).await?;
        let why = match course(&run, before, &text) {
            Course::Done(key) => {
                let _ = writeln!(
                    out,
                    "encrypted for them and proved: {key}; what it was before is removed"
                );
                return Ok(());
            }
            Course::Failed(why) => return Err(fault(why)),
            Course::UnderWay(words) => words,
        };
        if !why.is_empty() && why != told {
            say(&why);
            told.clone_from(&why);
        }
        if Instant::now() >= until {
            return Err(fault(match why.as_str() {
                "" => "it was not done in time; it goes on".to_owned(),
                why => format!("it was not done in time: {why}; it goes on"),
            }));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// How many rewraps were done, and when the last one.
type Before = Option<jiff::Timestamp>;

fn done(run: &BackupRun) -> Before {
    let status = run.status.as_ref()?;
    status.rewraps.last().map(|last| last.time.0)
}

#[derive(Debug, PartialEq, Eq)]
enum Course {
    /// Words that are worth telling, if any.
    UnderWay(String),
    /// The new object's key.
    Done(String),
    Failed(String),
}

/// What became of a request. It is taken up after the status tells of it: until then nothing there is about it. That the annotation is there or
/// not says nothing of that: an applier may put it, or an earlier one, back for ever.
fn course(run: &BackupRun, before: Before, request: &str) -> Course {
    let status = run.status.clone().unwrap_or_default();
    let said = condition::find(&status.conditions, condition::REWRAPPED);
    let words = said.map(|c| c.message.clone()).unwrap_or_default();
    let annotations = run.annotations();
    if !REWRAPS.has(annotations, request) {
        return match annotations.get(labels::REWRAP) {
            Some(asked) if asked == request => Course::UnderWay(String::new()),
            Some(_) => Course::Failed("another request took its place before it was taken up; ask again".into()),
            None => Course::Failed("the request was taken off before it was taken up".into()),
        };
    }
    let is_new = done(run) != before;
    match () {
        () if status.rewrap.is_some() || is_new && !status.replaced.is_empty() => Course::UnderWay(words),
        () if is_new => Course::Done(status.key.unwrap_or_default()),
        () => Course::Failed(words),
    }
}

/// The set that it comes to. The operator judges it again.
fn check(run: &BackupRun, text: &str) -> Result<Vec<String>, String> {
    let conditions = run.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
    if run.spec.backup.is_none() {
        return Err("the run only restores, and has stored nothing".into());
    }
    if !condition::is_true(conditions, condition::SUCCESSFUL) {
        return Err("the run has no good backup".into());
    }
    let encryption = run.spec.encryption.as_ref();
    let encryption = encryption.ok_or("the backup is not encrypted (spec.encryption is not set)")?;
    if encryption.decryption_key.is_none() {
        return Err("spec.encryption.decryptionKey is not set: without an identity that opens the backup it cannot be encrypted for others".into());
    }
    set(current(run), text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const A: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
    const B: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

    fn run(key: bool, status: serde_json::Value) -> BackupRun {
        let decryption_key = key.then(|| json!({"name": "age", "key": "keys.txt"}));
        serde_json::from_value(json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupRun",
            "metadata": {"name": "db"},
            "spec": {
                "backup": {"command": ["dump"]}, "storage": {"name": "near", "path": "/db"},
                "encryption": {"recipients": [A], "decryptionKey": decryption_key},
                "template": {"spec": {"containers": [{"name": "main"}]}},
            },
            "status": status,
        }))
        .unwrap()
    }

    fn said(type_: &str, status: &str, reason: &str, message: &str) -> serde_json::Value {
        json!([{"type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": "2026-11-28T00:00:00Z"}])
    }

    #[test]
    fn what_the_operator_would_refuse_is_refused_before_it_is_asked() {
        let good = || json!({"conditions": said("Successful", "True", "R", "")});
        let text = json!({"add": [B], "remove": [A]}).to_string();
        assert_eq!(check(&run(true, good()), &text).unwrap(), [B]);
        assert!(check(&run(false, good()), &text).unwrap_err().contains("decryptionKey"));
        assert!(
            check(&run(true, json!({})), &text)
                .unwrap_err()
                .contains("no good backup")
        );
        assert!(
            check(&run(true, good()), "{}")
                .unwrap_err()
                .contains("nothing to change")
        );
    }

    fn with(status: serde_json::Value, asked: Option<&str>, taken: Option<&str>) -> BackupRun {
        let mut run = run(true, status);
        for request in taken.into_iter().flat_map(|taken| [taken, "another"]) {
            let changes = REWRAPS.taken(run.annotations(), request);
            let set = changes
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)));
            run.annotations_mut().extend(set);
        }
        let asked = asked.map(|asked| (labels::REWRAP.to_owned(), asked.to_owned()));
        run.annotations_mut().extend(asked);
        run
    }

    #[test]
    fn a_request_is_over_when_it_is_taken_up_and_nothing_of_before_is_left_whatever_an_applier_puts_back() {
        let rewrap = json!({"since": "2026-11-28T00:00:00Z", "recipients": [B], "path": "/n", "key": "n"});
        let done = json!([{"time": "2026-11-28T00:00:01Z", "before": [A]}]);
        let left = said("Rewrapped", "False", "ReplacedLeft", "run team/x reads it");
        let failed = said("Rewrapped", "False", "RewrapFailed", "no key");
        let under_way = |words: &str| Course::UnderWay(words.into());
        assert_eq!(
            course(&with(json!({"conditions": failed}), Some("mine"), None), None, "mine"),
            under_way(""),
            "what is said there is of one before"
        );
        for (status, wanted) in [
            (
                json!({"conditions": said("Rewrapped", "False", "Rewrapping", "try 2"), "rewrap": rewrap}),
                under_way("try 2"),
            ),
            (
                json!({"conditions": left, "rewraps": done, "key": "n", "replaced": [{"key": "db"}]}),
                under_way("run team/x reads it"),
            ),
            (json!({"rewraps": done, "key": "n"}), Course::Done("n".into())),
            (json!({"conditions": failed}), Course::Failed("no key".into())),
        ] {
            for put_back in [None, Some("mine"), Some("an earlier one")] {
                let run = with(status.clone(), put_back, Some("mine"));
                assert_eq!(course(&run, None, "mine"), wanted, "{status} {put_back:?}");
            }
        }
    }

    #[test]
    fn a_request_that_another_one_replaced_or_somebody_took_off_is_not_waited_for() {
        for asked in [None, Some("an earlier one")] {
            let run = with(json!({}), asked, None);
            assert!(matches!(course(&run, None, "mine"), Course::Failed(_)), "{asked:?}");
        }
    }
}
