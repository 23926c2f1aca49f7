//! What will be restored, and over what, as it is shown before anybody says yes.
use std::fmt::Write;

use api::names::Action;
use api::{BackupRun, labels};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, PodSpec};
use kube::ResourceExt;
use planner::mask::{arguments, masked};
use planner::run::attempt::container_of;
use planner::schedule::observed::ended;
use planner::size::{humanize, span};
use planner::validate::account;

use crate::plain::clean;
use crate::show::fold::behind;

/// What variables that say where a command goes are called, or end in.
const PLACES: [&str; 12] = [
    "HOST", "HOSTS", "HOSTNAME", "HOSTADDR", "SERVER", "SERVERS", "SERVICE", "URL", "URI", "ADDRESS", "ENDPOINT",
    "DATABASE",
];

/// Columns of a name and the blank behind it.
const NAMES: usize = 13;

/// The same lines on a terminal of that width.
pub fn folded(shown: &str, width: Option<usize>) -> String {
    let line = |line: &str| match line.split_at_checked(NAMES) {
        Some((name, words)) => format!("{name}{}\n", behind(words, NAMES, width)),
        None => format!("{line}\n"),
    };
    shown.lines().map(line).collect()
}

/// Lines for people: `source` has the backup, `by` is the run whose command takes it.
pub fn shown(source: &BackupRun, by: &BackupRun, namespace: &str, now: Timestamp) -> String {
    let mut text = String::new();
    let mut line = |what: &str, words: String| {
        let _ = writeln!(text, "{what:<12} {}", clean(&words));
    };
    let status = source.status.clone().unwrap_or_default();
    line(
        "backup",
        format!(
            "{} in namespace {}",
            source.name_any(),
            source.namespace().unwrap_or_default()
        ),
    );
    if source.spec.backup.is_some() {
        let at = ended(source);
        line("made", format!("{at}, {} ago", span(now.duration_since(at))));
    }
    if let Some(key) = source.annotations().get(labels::RECORD) {
        line(
            "origin",
            format!(
                "brought here by its record {key}: what it is, and its command and Pod, is what whoever may write to that bucket says"
            ),
        );
    }
    if let Some(stored) = status.size_in_bytes {
        let plain = status
            .bytes
            .map(|bytes| format!(", {} for the command", humanize(bytes)));
        line(
            "size",
            format!("{} stored{}", humanize(stored), plain.unwrap_or_default()),
        );
    }
    let path = status.path.as_deref().unwrap_or(&source.spec.storage.path);
    line("object", format!("{path} in storage {}", source.spec.storage.name));
    line("encrypted", encrypted(by));
    line("into", format!("namespace {namespace}"));
    let name = container_of(by, Action::Restore).unwrap_or_default();
    let container = by.spec.template.spec.containers.iter().find(|c| c.name == name);
    let image = container.and_then(|c| c.image.as_deref()).unwrap_or("no image");
    line("container", format!("{name}, image {image}"));
    if let Some(action) = &by.spec.restore {
        let words: Vec<_> = action.command.iter().chain(&action.args).map(String::as_str).collect();
        line(
            "command",
            arguments(&words)
                .iter()
                .map(|w| quoted(w))
                .collect::<Vec<_>>()
                .join(" "),
        );
    }
    if let Some(powers) = powers(&by.spec.template.spec) {
        line("its Pod", powers);
    }
    for place in container.map(places).unwrap_or_default() {
        line("reaches", place);
    }
    text
}

/// What a Pod may do that most may not, and what else runs in it; None where there is nothing of that.
fn powers(pod: &PodSpec) -> Option<String> {
    let mut all = Vec::new();
    let account = account(pod).filter(|(_, name)| *name != "default");
    all.extend(account.map(|(_, name)| format!("ServiceAccount {name}")));
    let host = [
        (pod.host_network, "hostNetwork"),
        (pod.host_pid, "hostPID"),
        (pod.host_ipc, "hostIPC"),
    ];
    all.extend(
        host.iter()
            .filter(|(on, _)| *on == Some(true))
            .map(|(_, word)| (*word).to_owned()),
    );
    let paths = pod.volumes.iter().flatten().filter_map(|v| v.host_path.as_ref());
    all.extend(paths.map(|path| format!("hostPath {}", path.path)));
    let init = pod.init_containers.iter().flatten();
    for container in pod.containers.iter().chain(init.clone()) {
        let rights = container.security_context.as_ref();
        if rights.is_some_and(|r| r.privileged == Some(true)) {
            all.push(format!("container {} is privileged", container.name));
        }
    }
    all.extend(init.map(|c| format!("init container {}", c.name)));
    (!all.is_empty()).then(|| all.join(", "))
}

fn encrypted(run: &BackupRun) -> String {
    let Some(encryption) = &run.spec.encryption else {
        return "no".into();
    };
    match &encryption.decryption_key {
        Some(key) => {
            let own = run.namespace().unwrap_or_default();
            let namespace = key.namespace.as_deref().unwrap_or(&own);
            format!("yes, opened with key {} of Secret {namespace}/{}", key.key, key.name)
        }
        None => "yes, and spec.encryption.decryptionKey is not set".into(),
    }
}

/// The container's plain variables that say where its command goes; those out of Secrets and ConfigMaps are named.
fn places(container: &Container) -> Vec<String> {
    let is_place = |name: &str| {
        let name = name.to_uppercase();
        PLACES
            .iter()
            .any(|p| name == *p || name.ends_with(&format!("_{p}")) || name == format!("PG{p}"))
    };
    let env = container.env.iter().flatten().filter(|v| is_place(&v.name));
    env.map(|variable| match (&variable.value, &variable.value_from) {
        (Some(value), _) => format!("{}={}", variable.name, masked(value)),
        (None, Some(_)) => format!("{} (out of another object)", variable.name),
        (None, None) => format!("{}=", variable.name),
    })
    .collect()
}

/// As a shell would want it, so that words with blanks are seen as one.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+*".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_run_out_of_a_bucket_says_so_and_what_its_pod_may_do() {
        let mut run = testing::backup_run();
        let at = "2026-11-28T00:00:00Z".parse().unwrap();
        let told = |run: &BackupRun| shown(run, run, "team", at);
        assert!(!told(&run).contains("origin") && !told(&run).contains("its Pod"));
        run.metadata.annotations = Some([(labels::RECORD.to_string(), "r.json".to_string())].into());
        run.spec.template.spec = serde_json::from_value(json!({
            "serviceAccountName": "admin", "hostNetwork": true,
            "containers": [{"name": "db", "securityContext": {"privileged": true}}],
            "initContainers": [{"name": "first"}],
            "volumes": [{"name": "v", "hostPath": {"path": "/"}}],
        }))
        .unwrap();
        let text = told(&run);
        assert!(
            text.contains("origin       brought here by its record r.json"),
            "{text}"
        );
        let wanted = "its Pod      ServiceAccount admin, hostNetwork, hostPath /, container db is privileged, init container first";
        assert!(text.contains(wanted), "{text}");
        // By the old name of the field.
        let pod = &mut run.spec.template.spec;
        pod.service_account = pod.service_account_name.take();
        assert!(told(&run).contains(wanted));
    }

    #[test]
    fn what_is_restored_and_over_what_is_said_without_a_secret() {
        let mut run = testing::backup_run();
        run.metadata.name = Some("nightly-1".into());
        run.metadata.namespace = Some("shop".into());
        run.spec.storage.name = "minio".into();
        run.spec.encryption =
            serde_json::from_value(json!({"recipients": ["age1x"], "decryptionKey": {"name": "keys", "key": "age"}}))
                .unwrap();
        run.spec.restore = serde_json::from_value(json!({
            "container": "db", "command": ["psql", "-h", "postgresql"], "args": ["--password=hunter2", "a b"],
        }))
        .unwrap();
        run.spec.template.spec.containers = serde_json::from_value(json!([
            {"name": "other", "image": "busybox"},
            {"name": "db", "image": "postgres:15", "env": [
                {"name": "PGHOST", "value": "staging"},
                {"name": "DATABASE_URL", "value": "postgres://me:hunter2@db/shop"},
                {"name": "PGPASSWORD", "value": "hunter2"},
                {"name": "MYSQL_HOST", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            ]},
        ]))
        .unwrap();
        run.status = serde_json::from_value(json!({
            "path": "/nightly.sql", "sizeInBytes": 1024, "bytes": 4096, "completionTime": "2026-11-28T03:00:00Z",
        }))
        .unwrap();
        let text = shown(&run, &run, "shop", "2026-11-28T10:00:00Z".parse().unwrap());
        let wanted = "\
backup       nightly-1 in namespace shop
made         2026-11-28T03:00:00Z, 7h ago
size         1.0 KiB stored, 4.0 KiB for the command
object       /nightly.sql in storage minio
encrypted    yes, opened with key age of Secret shop/keys
into         namespace shop
container    db, image postgres:15
command      psql -h postgresql --password=*** 'a b'
reaches      PGHOST=staging
reaches      DATABASE_URL=postgres://me:***@db/shop
reaches      MYSQL_HOST (out of another object)
";
        assert_eq!(text, wanted);
    }
}
