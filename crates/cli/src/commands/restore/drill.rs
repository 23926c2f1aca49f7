//! `restore --drill`: one run of a drill, of one certain backup: the drill says how, and nothing is written over.
use std::io::Write;

use api::{BackupDrill, BackupRun, labels};
use kube::ResourceExt;

use super::{Args, choose};
use crate::commands::run::trigger;
use crate::follow::course::{Course, expected};
use crate::follow::phase::Aim;
use crate::follow::screen::Screen;
use crate::read::connect::Session;
use crate::read::fault::Fault;
use crate::read::objects::Where;

/// Asks the drill of that name, or the only one that proves the run's schedule, and follows it to its end.
///
/// # Errors
/// There is no such drill, or more than one; the backup cannot be restored; the drill did not end well.
pub async fn prove(
    session: &Session,
    args: &Args,
    run: &BackupRun,
    named: &str,
    out: &mut dyn Write,
) -> Result<(), Fault> {
    let (name, namespace) = (run.name_any(), run.namespace().unwrap_or_default());
    let doing = format!("prove the backup of run {name}");
    if let Some((why, next)) = choose::unreadable(run) {
        return Err(Fault::new(doing, why, next));
    }
    let drills = session
        .list::<BackupDrill>(&Where::Namespace(namespace.clone()), None)
        .await?;
    let schedule = run.labels().get(labels::SCHEDULE).map(String::as_str);
    let chosen = of(&drills.objects, schedule, named).map_err(|why| {
        let next =
            format!("kubectl backup list drills -n {namespace}; docs/operations/drills.md has one to begin with");
        Fault::new(&doing, why, next)
    })?;
    let mut screen = Screen::new(out);
    let drill = chosen.name_any();
    let (namespace, made) =
        trigger::one::<BackupDrill>(session, &drill, Some(&name), args.timeout, &mut screen).await?;
    let made_of = session.get(&namespace, &made).await?;
    proves(&made_of, &name).map_err(|why| {
        let next = format!(
            "kubectl backup version; that run goes on: kubectl backup describe {made} -n {namespace}. A drill that picks `Latest` proves the newest backup"
        );
        Fault::new(&doing, why, next)
    })?;
    if args.detach {
        return Ok(());
    }
    let course = Course {
        namespace: &namespace,
        name: &made,
        aim: Aim::Run,
        expected: expected(session, &namespace, &made_of).await,
        timeout: args.timeout,
        asked: None,
    };
    let outcome = course.follow(session, &mut screen).await?;
    course.conclude(outcome, &mut screen)
}

/// An operator of before knows no request for one certain backup: it lets the drill pick.
fn proves(made: &BackupRun, wanted: &str) -> Result<(), String> {
    let picked = planner::drill::make::picked(made);
    if picked.as_deref() == Some(wanted) {
        return Ok(());
    }
    Err(format!(
        "the operator made run {} for it, which proves the backup of {}: it is older than this program, and lets the drill pick",
        made.name_any(),
        picked.map_or("another run".into(), |picked| format!("run {picked}"))
    ))
}

/// The drill that is meant.
fn of<'a>(drills: &'a [BackupDrill], schedule: Option<&str>, named: &str) -> Result<&'a BackupDrill, String> {
    let Some(schedule) = schedule else {
        return Err("a drill proves backups of a schedule, and no schedule has made this run; kubectl backup verify reads it whole".into());
    };
    let fit: Vec<_> = drills
        .iter()
        .filter(|drill| drill.spec.source.schedule == schedule)
        .collect();
    if !named.is_empty() {
        let there = drills.iter().find(|drill| drill.name_any() == named);
        return match there {
            Some(drill) if drill.spec.source.schedule == schedule => Ok(drill),
            Some(drill) => Err(format!(
                "drill {named} proves backups of schedule {}, and this one is of {schedule}",
                drill.spec.source.schedule
            )),
            None => Err(format!("there is no drill {named}")),
        };
    }
    match fit.as_slice() {
        [one] => Ok(one),
        [] => Err(format!("no drill proves backups of schedule {schedule}")),
        many => {
            let mut names: Vec<_> = many.iter().map(|drill| drill.name_any()).collect();
            names.sort();
            Err(format!(
                "more than one drill proves backups of schedule {schedule}: name one of {} after --drill",
                names.join(", ")
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn drill(name: &str, schedule: &str) -> BackupDrill {
        serde_json::from_value(json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupDrill", "metadata": {"name": name},
            "spec": {"schedule": "@weekly", "source": {"schedule": schedule}},
        }))
        .unwrap()
    }

    #[test]
    fn a_run_that_an_older_operator_made_of_another_backup_proves_not_what_was_asked_for() {
        let made = |picked: Option<&str>| -> BackupRun {
            let mut run = testing::restore_only_run();
            run.metadata.name = Some("restores-1".into());
            let annotations = picked.map(|picked| (labels::PICKED.to_string(), picked.to_string()));
            run.metadata.annotations = Some(annotations.into_iter().collect());
            run
        };
        assert_eq!(proves(&made(Some("shop-1")), "shop-1"), Ok(()));
        for (picked, told) in [(Some("shop-2"), "run shop-2"), (None, "another run")] {
            let why = proves(&made(picked), "shop-1").unwrap_err();
            assert!(why.contains(told) && why.contains("older than this program"), "{why}");
        }
    }

    #[test]
    fn the_only_drill_of_the_schedule_is_meant_unless_one_is_named() {
        let drills = [drill("read", "shop"), drill("other", "blog"), drill("restores", "blog")];
        for (schedule, named, wanted) in [
            (Some("shop"), "", Ok("read")),
            (Some("shop"), "read", Ok("read")),
            (Some("blog"), "restores", Ok("restores")),
            (Some("blog"), "", Err("name one of other, restores after --drill")),
            (
                Some("shop"),
                "other",
                Err("proves backups of schedule blog, and this one is of shop"),
            ),
            (Some("shop"), "gone", Err("there is no drill gone")),
            (Some("wiki"), "", Err("no drill proves backups of schedule wiki")),
            (None, "read", Err("no schedule has made this run")),
        ] {
            let found = of(&drills, schedule, named).map(ResourceExt::name_any);
            match wanted {
                Ok(name) => assert_eq!(found.as_deref(), Ok(name)),
                Err(words) => assert!(found.as_ref().unwrap_err().contains(words), "{found:?}"),
            }
        }
    }
}
