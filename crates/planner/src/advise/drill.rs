//! What is unwise in a drill: above all that its Pod reaches a database that is not its own.
use api::BackupDrill;
use api::drill::DrillMode;
use k8s_openapi::api::core::v1::PodSpec;

use super::{path, run, say};
use crate::drill::make;
use crate::drill::reach::{far_of_variable, far_of_words};
use crate::schedule::cron::Calendar;
use crate::validate::Fault;
use crate::validate::drill::would_be;

/// What is unwise in a drill. It need not be valid.
pub fn drill(drill: &BackupDrill) -> Vec<Fault> {
    let mut said = Vec::new();
    let spec = &drill.spec;
    let calendar = Calendar::parse(&spec.schedule, spec.time_zone.as_deref()).ok();
    if calendar.is_some_and(|c| c.next(path::SINCE).is_none()) {
        say(
            &mut said,
            "spec.schedule",
            "names a date that does not come within five years, so that no backup is ever proved by itself; correct it, or say suspend: true if only the trigger shall start drills",
        );
    }
    let Some(template) = spec
        .template
        .as_ref()
        .filter(|_| make::mode(drill) == DrillMode::Restore)
    else {
        return said;
    };
    // Of a restore command that is the picked run's own nothing is known here.
    let own = spec.restore.is_some();
    let of_run = run(&would_be(drill), "spec", None).into_iter();
    said.extend(of_run.filter(|fault| own || !fault.field.starts_with("spec.restore")));
    if spec.check.is_none() && spec.restore.as_ref().is_none_or(|r| r.check.is_none()) {
        say(
            &mut said,
            "spec.check",
            "is not given, so that a drill is good when the restore command ends with 0, whatever it has restored; have a command count rows, or compare them with a number that the backup carries",
        );
    }
    let pod = &template.spec;
    for (index, container) in pod.containers.iter().enumerate() {
        let field = format!("spec.template.spec.containers[{index}]");
        for variable in container.env.iter().flatten() {
            let value = variable.value.as_deref().unwrap_or_default();
            for host in far_of_variable(&variable.name, value, pod) {
                elsewhere(&mut said, &format!("{field}.env[{}]", variable.name), &host);
            }
        }
        let words = container
            .command
            .iter()
            .chain(&container.args)
            .flatten()
            .map(String::as_str);
        tell_words(&mut said, words, &field, pod);
    }
    if let Some(restore) = &spec.restore {
        let words = restore.command.iter().chain(&restore.args).map(String::as_str);
        tell_words(&mut said, words, "spec.restore.command", pod);
    }
    let check = spec.check.as_ref().map(|c| (c, "spec.check.command"));
    let other = spec
        .restore
        .as_ref()
        .and_then(|r| r.check.as_ref())
        .map(|c| (c, "spec.restore.check.command"));
    for (check, field) in check.into_iter().chain(other) {
        let words = check.command.iter().chain(&check.args).map(String::as_str);
        tell_words(&mut said, words, field, pod);
    }
    said
}

fn tell_words<'a>(said: &mut Vec<Fault>, words: impl Iterator<Item = &'a str>, field: &str, pod: &PodSpec) {
    for host in far_of_words(words, pod) {
        elsewhere(said, field, &host);
    }
}

fn elsewhere(said: &mut Vec<Fault>, field: &str, host: &str) {
    say(
        said,
        field,
        format!(
            "names the host {host}, which is none of this Pod's: a drill that reaches another database may restore over it; let the scratch database be a container of the template and reach it at 127.0.0.1, and keep the Pod from all else by a NetworkPolicy"
        ),
    );
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn said(change: Value, env: Value) -> Vec<String> {
        let mut spec = json!({
            "schedule": "@daily", "source": {"schedule": "db"}, "mode": "Restore", "check": {"command": ["count"]},
            "restore": {"command": ["load"], "deadlineSeconds": 60},
            "template": {"spec": {"hostname": "scratch", "hostAliases": [{"ip": "127.0.0.1", "hostnames": ["db.local"]}],
                "containers": [{"name": "main", "image": "db:1", "command": ["sleep", "infinity"], "env": env}]}},
        });
        spec.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let one = serde_json::from_value(json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupDrill", "metadata": {"name": "d"}, "spec": spec,
        }))
        .unwrap();
        drill(&one)
            .into_iter()
            .map(|fault| format!("{} {}", fault.field, fault.message))
            .collect()
    }

    #[test]
    fn a_restore_without_a_check_proves_little() {
        assert_eq!(said(json!({}), json!([])), Vec::<String>::new());
        let all = said(json!({"check": null}), json!([]));
        assert!(all.len() == 1 && all[0].starts_with("spec.check "), "{all:?}");
        let own = json!({"check": null, "restore": {"command": ["load"], "deadlineSeconds": 60, "check": {"command": ["count"]}}});
        assert_eq!(said(own, json!([])), Vec::<String>::new());
    }

    #[test]
    fn a_host_that_is_not_the_pods_own_is_told() {
        let env = |name: &str, value: &str| json!([{"name": name, "value": value}]);
        for (name, value, far) in [
            ("PGHOST", "postgresql.shop.svc", Some("postgresql.shop.svc")),
            ("PGHOST", "localhost", None),
            ("PGHOST", "/var/run/postgresql", None),
            ("PGHOST", "scratch", None),
            ("PGHOST", "db.local", None),
            ("MYSQL_HOST", "mysql", Some("mysql")),
            ("REDIS_HOST", "127.0.0.1:6379", None),
            (
                "DATABASE_URL",
                "postgres://app:secret@postgresql:5432/shop",
                Some("postgresql"),
            ),
            ("DATABASE_URL", "postgres://app@[::1]:5432/shop", None),
            ("DSN", "host=prod dbname=shop", Some("prod")),
            ("HOSTNAME", "anything", None),
            ("PGUSER", "postgres", None),
        ] {
            let all = said(json!({}), env(name, value));
            assert_eq!(all.len(), usize::from(far.is_some()), "{name}={value}: {all:?}");
            if let Some(far) = far {
                assert!(all[0].contains(&format!("names the host {far},")), "{all:?}");
                assert!(
                    all[0].starts_with(&format!("spec.template.spec.containers[0].env[{name}]")),
                    "{all:?}"
                );
                assert!(!all[0].contains("secret"), "{all:?}");
            }
        }
    }

    #[test]
    fn a_host_in_a_command_is_told_also_in_a_shells_text() {
        for (command, far) in [
            (json!(["psql", "-h", "prod"]), Some("prod")),
            (json!(["psql", "-hprod"]), Some("prod")),
            (json!(["pg_restore", "--host=prod", "-d", "shop"]), Some("prod")),
            (json!(["mysql", "--host", "prod"]), Some("prod")),
            (json!(["sh", "-c", "gunzip | psql -h \"prod\" shop"]), Some("prod")),
            (json!(["sh", "-c", "psql -h \"$PGHOST\" shop"]), None),
            (json!(["mongorestore", "--uri=mongodb://a,b/x"]), Some("a")),
            (json!(["psql", "-h", "127.0.0.1"]), None),
            (json!(["psql", "-h", "/tmp"]), None),
            (json!(["df", "-h", "data"]), None),
        ] {
            let all = said(
                json!({"restore": {"command": command, "deadlineSeconds": 60}}),
                json!([]),
            );
            let hosts: Vec<_> = all
                .iter()
                .filter(|a| a.starts_with("spec.restore.command names the host"))
                .collect();
            assert_eq!(!hosts.is_empty(), far.is_some(), "{command}: {all:?}");
            if let Some(far) = far {
                assert!(hosts[0].contains(&format!("the host {far},")), "{hosts:?}");
            }
        }
    }

    #[test]
    fn a_drill_that_reads_is_given_no_advice_for_the_operators_own_pod() {
        let read = json!({"mode": "Read", "check": null, "restore": null, "template": null});
        assert_eq!(said(read, json!([])), Vec::<String>::new());
    }
}
