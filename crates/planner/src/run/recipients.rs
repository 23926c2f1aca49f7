//! Whom a backup is encrypted for, where that stands in ConfigMaps or Secrets: read once, when the run begins.
use api::run::RecipientsFrom;
use api::{BackupRunStatus, condition};
use jiff::Timestamp;

use crate::run::limits::STORAGE_WAIT;
use crate::run::observed::Observed;
use crate::run::picked::RecipientsView;
use crate::run::reason::Reason;
use crate::run::step::{Decision, Event, Guarded, Unguarded};
use crate::run::{tell, waiting};
use crate::validate::recipient;

/// So many in all: each adds some hundred bytes to the head of every backup.
pub const MOST: usize = 64;

/// The recipients of a text, a line each.
///
/// # Errors
/// Which line is none, and why; never the line itself, which may be a secret.
pub fn parse(text: &str) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        recipient::check(line).map_err(|why| format!("line {}: {why}", n + 1))?;
        all.push(line.to_owned());
    }
    Ok(all)
}

/// How a place of recipients is called.
pub fn place(from: &RecipientsFrom) -> String {
    match (&from.config_map_key_ref, &from.secret_key_ref) {
        (Some(one), _) => format!("key {:?} of ConfigMap {}", one.key, one.name),
        (None, Some(one)) => format!("key {:?} of Secret {}", one.key, one.name),
        (None, None) => "nothing".into(),
    }
}

/// What was read of each place, with those of the spec.
pub fn together(own: &[String], read: Vec<(String, Result<String, String>)>) -> RecipientsView {
    let mut all = own.to_vec();
    for (n, (place, text)) in read.into_iter().enumerate() {
        let found = text.and_then(|text| parse(&text).map_err(|why| format!("{place}: {why}")));
        match found {
            Err(why) => return RecipientsView::Missing(format!("spec.encryption.recipientsFrom[{n}]: {why}")),
            Ok(found) if found.is_empty() => {
                let why = format!(
                    "spec.encryption.recipientsFrom[{n}]: {place} names nobody: one recipient a line is wanted"
                );
                return RecipientsView::Missing(why);
            }
            Ok(found) => {
                for one in found {
                    if !all.contains(&one) {
                        all.push(one);
                    }
                }
            }
        }
    }
    if all.len() > MOST {
        return RecipientsView::Missing(format!(
            "spec.encryption: {} recipients are named, and at most {MOST} are possible",
            all.len()
        ));
    }
    RecipientsView::Read(all)
}

/// Since when a run waits for whom its backup is for, as far as it was told. Nobody may have looked before: a list that comes while no operator
/// is there is in time, however old the run is.
pub fn missing_since(status: &BackupRunStatus) -> Option<Timestamp> {
    let said = condition::find(&status.conditions, condition::READY)?;
    (said.reason == Reason::RecipientsMissing.word()).then_some(said.last_transition_time.0)
}

/// A run that begins and does not know yet whom its backup is for. None: it does.
///
/// What was read is written down before anything is done with it: each attempt, and the record, name the same ones.
pub fn decide(o: &Observed<'_>, status: &BackupRunStatus) -> Option<Decision> {
    match &o.recipients {
        RecipientsView::NotAsked => None,
        RecipientsView::Read(all) => {
            let told = BackupRunStatus {
                recipients: all.clone(),
                ..status.clone()
            };
            Some(Decision {
                guarded: vec![Guarded::Report(Box::new(told))],
                requeue: Some(std::time::Duration::ZERO),
                ..Decision::default()
            })
        }
        RecipientsView::Missing(why) => {
            let message = format!("{why}.{}", waiting::WAITS);
            let mut wait = Decision::wait(STORAGE_WAIT);
            if status.message.as_deref() != Some(&message) {
                let mut waits = status.clone();
                if missing_since(status).is_none() {
                    // It may have waited for something else before: the time of the condition is when this began.
                    condition::remove(&mut waits.conditions, condition::READY);
                }
                tell::waiting(o, &mut waits, Reason::RecipientsMissing.word(), &message);
                wait.guarded.push(Guarded::Report(Box::new(waits)));
                wait.unguarded.push(Unguarded::Event(Event {
                    warning: true,
                    reason: Reason::RecipientsMissing.word(),
                    action: "Wait",
                    note: message,
                }));
            }
            Some(wait)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
    const B: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN alice@example.com";

    #[test]
    fn a_list_of_recipients_is_as_age_reads_one_and_a_wrong_line_is_named_and_never_quoted() {
        let text = format!("# ops\n{A}\n\n  {B}  \n");
        assert_eq!(parse(&text).unwrap(), [A, B]);
        let secret = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
        let why = parse(&format!("{A}\n{secret}")).unwrap_err();
        assert!(
            why.starts_with("line 2: is a secret identity") && !why.contains("GFPYY"),
            "{why}"
        );
    }

    #[test]
    fn nobody_is_left_out_and_nobody_named_twice() {
        let read = |text: &str| ("key \"all\" of ConfigMap team".to_owned(), Ok(text.to_owned()));
        let own = [A.to_owned()];
        let all = together(&own, vec![read(&format!("{A}\n{B}"))]);
        assert_eq!(all, RecipientsView::Read(vec![A.into(), B.into()]));
        for (text, words) in [
            (Ok("# nobody".to_owned()), "names nobody"),
            (
                Err("there is no ConfigMap team".to_owned()),
                "there is no ConfigMap team",
            ),
            (Ok("hello".to_owned()), "line 1: is no recipient"),
        ] {
            let RecipientsView::Missing(why) = together(&own, vec![read(A), ("it".into(), text)]) else {
                panic!()
            };
            assert!(
                why.starts_with("spec.encryption.recipientsFrom[1]: ") && why.contains(words),
                "{why}"
            );
        }
    }
}
