//! Rules about a drill. What its runs have to keep is asked of the run that it would make.
use api::BackupDrill;
use api::drill::DrillMode;
use api::names::SCHEDULE_MAX;
use api::rules;
use api::run::RestoreAction;
use kube::ResourceExt;

use crate::drill::make;
use crate::schedule::cron::Calendar;
use crate::validate::run::ValidRun;
use crate::validate::{Fault, names, run};

/// What a valid drill amounts to.
#[derive(Clone, Debug)]
pub struct ValidDrill {
    /// When it makes runs.
    pub calendar: Calendar,
    /// The runs that it makes; where the restore command is to be the picked run's own, with another in its place.
    pub run: ValidRun,
}

/// Checks a drill.
///
/// # Errors
/// All faults, in the order of the fields.
pub fn validate(drill: &BackupDrill) -> Result<ValidDrill, Vec<Fault>> {
    let spec = &drill.spec;
    let mut faults = Vec::new();
    if drill.name_any().len() > SCHEDULE_MAX {
        let words = rules::DRILL_NAME.words();
        let words = words.strip_prefix("metadata.name: ").unwrap_or(words);
        faults.push(Fault::new("metadata.name", words));
    }
    let calendar = Calendar::parse(&spec.schedule, spec.time_zone.as_deref());
    if let Err(error) = &calendar {
        faults.push(Fault::new(error.field(), error.to_string()));
    }
    let source = &spec.source.schedule;
    if !names::is_subdomain(source) {
        let words = format!(
            "{source:?} cannot be the name of a BackupSchedule: {}",
            names::SUBDOMAIN
        );
        faults.push(Fault::new("spec.source.schedule", words));
    }
    let restores = make::mode(drill) == DrillMode::Restore;
    if restores && spec.template.is_none() {
        faults.push(Fault::new("spec.template", rules::RESTORE_NEEDS_TEMPLATE.words()));
        return Err(faults);
    }
    if !restores && (spec.template.is_some() || spec.restore.is_some() || spec.check.is_some()) {
        faults.push(Fault::new("spec.mode", rules::READ_NEEDS_NOTHING.words()));
        return Err(faults);
    }
    if restores && spec.reader.is_some() {
        faults.push(Fault::new("spec.reader", rules::READER_READS.words()));
    }
    if spec.check.is_some() && spec.restore.as_ref().is_some_and(|r| r.check.is_some()) {
        faults.push(Fault::new("spec.check", rules::ONE_CHECK.words()));
    }
    let run = run::validate(&would_be(drill)).map_err(|all| all.into_iter().map(|fault| placed(drill, fault)));
    match (calendar, run) {
        (Ok(calendar), Ok(run)) if faults.is_empty() => Ok(ValidDrill { calendar, run }),
        (_, run) => {
            faults.extend(run.err().into_iter().flatten());
            Err(faults)
        }
    }
}

/// The spec of a run of a drill that has picked nothing yet: for who judges it, or tries its Pod.
pub fn would_be(drill: &BackupDrill) -> api::BackupRunSpec {
    would_be_of(drill, ("backup-operator", "IfNotPresent"))
}

/// The same, with the image that reads.
pub fn would_be_of(drill: &BackupDrill, image: (&str, &str)) -> api::BackupRunSpec {
    let any = RestoreAction {
        container: None,
        command: vec!["restore".into()],
        args: Vec::new(),
        deadline_seconds: None,
        check: None,
    };
    let restore = make::restore(drill, Some(&any)).unwrap_or(any);
    make::spec(drill, "picked", restore, image)
}

/// A fault of the run, at the field of the drill that is to blame.
fn placed(drill: &BackupDrill, fault: Fault) -> Fault {
    let own_check = drill.spec.check.is_some();
    let reads = make::mode(drill) == DrillMode::Read;
    let moves: [(&str, &str, bool); 5] = [
        ("spec.restore.check", "spec.check", own_check),
        ("spec.encryption.decryptionKey", "spec.decryptionKey", true),
        ("spec.template.metadata", "spec.reader.metadata", reads),
        (
            "spec.template.spec.containers[0].resources",
            "spec.reader.resources",
            reads,
        ),
        ("spec.template.spec", "spec.reader", reads),
    ];
    let moved = moves.iter().filter(|(.., holds)| *holds).find_map(|(from, to, _)| {
        let rest = fault.field.strip_prefix(from)?;
        Some(format!("{to}{rest}"))
    });
    Fault {
        field: moved.unwrap_or(fault.field),
        message: fault.message,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn fields(change: Value) -> Vec<String> {
        let mut spec = json!({"schedule": "@daily", "source": {"schedule": "db"}});
        spec.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let drill = serde_json::from_value(json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupDrill", "metadata": {"name": "d"}, "spec": spec,
        }))
        .unwrap();
        validate(&drill)
            .err()
            .unwrap_or_default()
            .into_iter()
            .map(|f| f.field)
            .collect()
    }

    #[test]
    fn a_drill_that_reads_needs_nothing_and_one_that_restores_a_pod_of_its_own() {
        let template = json!({"spec": {"containers": [{"name": "db", "image": "db:1"}]}});
        let restore = |change: Value| {
            let mut all = json!({"mode": "Restore", "template": template.clone()});
            all.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            all
        };
        for (change, wanted) in [
            (json!({}), vec![]),
            (
                json!({"mode": "Read", "reader": {"nodeSelector": {"pool": "drills"}}}),
                vec![],
            ),
            (restore(json!({})), vec![]),
            (
                restore(json!({"restore": {"command": ["load"], "container": "db"}, "check": {"command": ["count"]}})),
                vec![],
            ),
            (json!({"decryptionKey": {"name": "age", "key": "identity"}}), vec![]),
            (json!({"mode": "Restore"}), vec!["spec.template"]),
            (json!({"template": template.clone()}), vec!["spec.mode"]),
            (json!({"check": {"command": ["count"]}}), vec!["spec.mode"]),
            (restore(json!({"reader": {}})), vec!["spec.reader"]),
            (
                restore(
                    json!({"restore": {"command": ["load"], "check": {"command": ["a"]}}, "check": {"command": ["b"]}}),
                ),
                vec!["spec.check"],
            ),
        ] {
            assert_eq!(fields(change.clone()), wanted, "{change}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_at_the_drills_own_field() {
        let template = json!({"spec": {"containers": [{"name": "db", "image": "db:1"}]}});
        for (change, wanted) in [
            (json!({"schedule": "* * *"}), vec!["spec.schedule"]),
            (json!({"timeZone": "Local"}), vec!["spec.timeZone"]),
            (json!({"source": {"schedule": "No Name"}}), vec!["spec.source.schedule"]),
            (
                json!({"decryptionKey": {"name": "A", "key": "k"}}),
                vec!["spec.decryptionKey.name"],
            ),
            (json!({"startDeadlineSeconds": 0}), vec!["spec.startDeadlineSeconds"]),
            (
                json!({"reader": {"metadata": {"labels": {"a": "no spaces"}}}}),
                vec!["spec.reader.metadata.labels[\"a\"]"],
            ),
            (
                json!({"reader": {"resources": {"requests": {"cpu": "much"}}}}),
                vec!["spec.reader.resources.requests[\"cpu\"]"],
            ),
            (
                json!({"mode": "Restore", "template": template.clone(), "restore": {"container": "x", "command": ["load"]}}),
                vec!["spec.restore.container"],
            ),
            (
                json!({"mode": "Restore", "template": template.clone(), "check": {"command": [""]}}),
                vec!["spec.check.command"],
            ),
        ] {
            assert_eq!(fields(change.clone()), wanted, "{change}");
        }
    }
}
