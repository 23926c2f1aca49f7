//! What a restore-only run restores: another run's backup, named or picked by time, in place of a path.
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules;
use crate::run::{BackupRun, Compression, Encryption};

/// `at` of a source: the newest good backup.
pub const LATEST: &str = "latest";

/// The backup that a run without one of its own restores.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::SOURCE_IS_ONE.rule(), validation = rules::SOURCE_AT.rule())]
pub struct Source {
    /// A run with a good backup. Exactly one of `run` and `schedule` is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub run: Option<String>,
    /// A schedule: of its good backups the one that `at` picks, when the run begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 52))]
    pub schedule: Option<String>,
    /// With `schedule`: `latest` (default) for its newest good backup, or a time (RFC 3339, as in `2026-11-28T03:00:00Z`) for the newest one that had ended by then. What was picked stands in `status.source`, and is what this run restores each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub at: Option<String>,
    /// The namespace of that run or schedule. Default: this run's own. Another one has to say so: its run or schedule carries the annotation `backup-operator.io/allowed-namespaces`, which names this run's namespace (or `*`), and its storage keeps no namespaces apart (`namespaceIsolation`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
}

/// The backup that was picked: all that a restore of it needs, the run that made it may be gone since.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PickedSource {
    /// The run that made the backup.
    pub run: String,
    /// Its namespace.
    pub namespace: String,
    /// Its UID.
    pub uid: String,
    /// The storage that the backup lies in.
    pub storage: String,
    /// How it is compressed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<Compression>,
    /// For whom it is encrypted, and where its own run says that the key is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
}

impl BackupRun {
    /// The source that a run asks for and that is still to be picked.
    pub fn unpicked(&self) -> Option<&Source> {
        let picked = self.status.as_ref().is_some_and(|s| s.source.is_some());
        self.spec.source.as_ref().filter(|_| !picked)
    }

    /// The run as everybody behind this is to see it: what it names elsewhere, and was looked up when it began, stands in its spec.
    pub fn resolved(&mut self) {
        self.with_source();
        let status = self.status.as_ref();
        let known = status.map(|s| s.recipients.as_slice()).unwrap_or_default();
        let rewrapped = status.is_some_and(|s| !s.rewraps.is_empty());
        let told = |e: &&mut Encryption| rewrapped || !e.recipients_from.is_empty();
        if let Some(encryption) = self.spec.encryption.as_mut().filter(told)
            && !known.is_empty()
        {
            encryption.recipients = known.to_vec();
            encryption.recipients_from.clear();
        }
    }

    /// With a source that was picked, the run becomes what it would be had its author written storage, path, compression and encryption: nobody
    /// behind this asks where they came from. A key that the run names itself goes before the one of the source.
    fn with_source(&mut self) {
        let Some(status) = self.status.as_ref().filter(|_| self.spec.backup.is_none()) else {
            return;
        };
        let (Some(picked), Some(path)) = (&status.source, &status.path) else {
            return;
        };
        if self.spec.source.take().is_none() {
            return;
        }
        self.spec.storage.name.clone_from(&picked.storage);
        self.spec.storage.path = literal(path);
        self.spec.compression.clone_from(&picked.compression);
        let own = self.spec.encryption.take().and_then(|e| e.decryption_key);
        self.spec.encryption = picked.encryption.clone().map(|e| Encryption {
            decryption_key: own.or(e.decryption_key),
            ..e
        });
    }
}

/// A path that is rendered already, as a template of itself.
fn literal(path: &str) -> String {
    if path.contains("{{") {
        format!("{{{{ {path:?} }}}}")
    } else {
        path.into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(spec: serde_json::Value, status: serde_json::Value) -> BackupRun {
        serde_json::from_value(json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupRun", "metadata": {"name": "r"},
            "spec": spec, "status": status,
        }))
        .unwrap()
    }

    fn restores(own: serde_json::Value) -> serde_json::Value {
        let mut spec = json!({"source": {"run": "db-1"}, "restore": {"command": ["cat"]}, "template": {"spec": {"containers": []}}});
        spec.as_object_mut().unwrap().extend(own.as_object().cloned().unwrap());
        spec
    }

    fn picked() -> serde_json::Value {
        json!({"path": "/a/b", "source": {
            "run": "db-1", "namespace": "team", "uid": "u", "storage": "far", "compression": {"algorithm": "zstd"},
            "encryption": {"recipients": ["age1x"], "decryptionKey": {"name": "theirs", "namespace": "team", "key": "k"}},
        }})
    }

    #[test]
    fn a_run_with_a_picked_source_is_as_if_its_author_had_written_it_out() {
        let mut it = run(restores(json!({})), picked());
        assert!(it.unpicked().is_none());
        it.resolved();
        assert_eq!(
            (it.spec.storage.name.as_str(), it.spec.storage.path.as_str()),
            ("far", "/a/b")
        );
        assert!(it.spec.source.is_none() && it.spec.compression.is_some());
        assert_eq!(it.spec.encryption.unwrap().decryption_key.unwrap().name, "theirs");
        let own = json!({"encryption": {"decryptionKey": {"name": "ours", "key": "k"}}});
        let mut it = run(restores(own), picked());
        it.resolved();
        let encryption = it.spec.encryption.unwrap();
        assert_eq!(encryption.decryption_key.unwrap().name, "ours");
        assert_eq!(encryption.recipients, ["age1x"]);
    }

    #[test]
    fn a_status_that_speaks_of_a_source_nobody_asked_for_changes_nothing() {
        let spec = json!({"storage": {"name": "near", "path": "/x"}, "restore": {"command": ["cat"]}, "template": {"spec": {"containers": []}}});
        let mut it = run(spec, picked());
        it.resolved();
        assert_eq!(it.spec.storage.name, "near");
        let mut it = run(restores(json!({})), json!({}));
        assert!(it.unpicked().is_some());
        it.resolved();
        assert!(it.spec.source.is_some() && it.spec.storage.name.is_empty());
    }

    #[test]
    fn whom_a_backup_is_for_is_what_stood_elsewhere_when_it_began() {
        let spec = json!({
            "storage": {"name": "near"}, "backup": {"command": ["dump"]}, "template": {"spec": {"containers": []}},
            "encryption": {"recipients": ["age1a"], "recipientsFrom": [{"configMapKeyRef": {"name": "team", "key": "all"}}]},
        });
        let mut it = run(spec.clone(), json!({}));
        it.resolved();
        assert_eq!(
            it.spec.encryption.as_ref().unwrap().recipients_from.len(),
            1,
            "they are still to be read"
        );
        let mut it = run(spec, json!({"recipients": ["age1a", "age1b"]}));
        it.resolved();
        let encryption = it.spec.encryption.unwrap();
        assert!(encryption.recipients_from.is_empty());
        assert_eq!(encryption.recipients, ["age1a", "age1b"]);
    }

    #[test]
    fn a_backup_that_was_rewrapped_is_for_whom_its_status_says() {
        let spec = json!({
            "storage": {"name": "near"}, "backup": {"command": ["dump"]}, "template": {"spec": {"containers": []}},
            "encryption": {"recipients": ["age1a"]},
        });
        let mut it = run(spec.clone(), json!({"recipients": ["age1b"]}));
        it.resolved();
        assert_eq!(it.spec.encryption.unwrap().recipients, ["age1a"], "nobody rewrapped it");
        let rewraps = json!([{"time": "2026-11-28T00:00:00Z", "before": ["age1a"]}]);
        let mut it = run(spec, json!({"recipients": ["age1b"], "rewraps": rewraps}));
        it.resolved();
        assert_eq!(it.spec.encryption.unwrap().recipients, ["age1b"]);
    }

    #[test]
    fn a_rendered_path_stays_what_it_is() {
        assert_eq!(literal("/a/b"), "/a/b");
        assert_eq!(literal("/a/{{ x"), "{{ \"/a/{{ x\" }}");
    }
}
