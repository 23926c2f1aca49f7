//! What a record says, and how it is written and read.
use std::collections::BTreeMap;

use api::BackupRunSpec;
use api::run::{Compression, Encryption};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The version that is written. A reader refuses those that it does not know.
pub const VERSION: u32 = 1;
/// The most bytes that a record has: each is held whole, and a bucket has many.
pub const LONGEST: usize = 64 << 10;

/// How the operator's own labels begin.
const OWN_LABELS: &str = "backup-operator.io/";
/// The first second after the last year that the API server can write (RFC 3339 has four digits).
const LAST_SECOND: i64 = 253_402_300_800;

/// A good backup's own description. JSON, camelCase, as `status` of a BackupRun has the words.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The version of this form: 1.
    pub record: u32,
    /// Which program wrote it: `backup-operator 0.1.0`.
    pub written_by: String,
    /// The cluster that made the backup: the UID of its namespace kube-system; empty where the operator could not read it.
    #[serde(default)]
    pub cluster: String,
    /// The run's namespace.
    pub namespace: String,
    /// The run.
    pub run: String,
    /// The run's UID.
    pub uid: String,
    /// The attempt that made it: `backup-1`.
    pub attempt: String,
    /// The schedule that made the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// The tick that the run stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<Timestamp>,
    /// Labels of the run, without the operator's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The BackupStorage that it was stored by.
    pub storage: String,
    /// The path, as rendered.
    pub path: String,
    /// The object's key in the bucket.
    pub key: String,
    /// The store's version of the object, where its bucket keeps versions.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "versionID")]
    pub version_id: Option<String>,
    /// The store's ETag of the object.
    pub etag: String,
    /// Bytes that the command printed; absent where no report of them was left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Bytes of the object.
    pub stored_bytes: u64,
    /// SHA-256 of the object, hexadecimal; absent where no report of it was left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// When the backup began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// When it was proved.
    pub completion_time: Timestamp,
    /// How it is compressed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<Compression>,
    /// Whom it is encrypted for, and where the key was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// What a restore needs.
    #[serde(flatten)]
    pub needs: Needs,
}

/// What a restore needs: the run's spec, with the restore command and the Pod's template.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub enum Needs {
    /// As it was, of a backup that is not encrypted.
    Spec(Box<BackupRunSpec>),
    /// The same as JSON, encrypted with age to the backup's own recipients, in armor: templates hold passwords. `age -d` opens it.
    Sealed(String),
    /// It has no room here; in words.
    LeftOut(String),
}

/// Why a record is not read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is larger than any that is written.
    #[error("the record has {0} bytes, and none that the operator wrote has more than {LONGEST}")]
    TooLong(usize),
    /// It is no JSON, or lacks something.
    #[error("the record cannot be read: {0}")]
    Form(#[source] serde_json::Error),
    /// A later version.
    #[error("the record has the version {0}, and this program reads version {VERSION}: use a newer one")]
    Version(u32),
    /// It says something that cannot be.
    #[error("the record's {field} is {why}")]
    Field {
        /// Its name in the JSON.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl Record {
    /// The record's bytes; what a restore needs is left out, and that is said, where it would make them more than 64 KiB.
    ///
    /// # Errors
    /// It cannot be written as JSON, which the types do not let happen.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RecordError> {
        let bytes = serde_json::to_vec_pretty(self).map_err(RecordError::Form)?;
        if bytes.len() <= LONGEST {
            return Ok(bytes);
        }
        let short = Self {
            needs: Needs::LeftOut(format!(
                "with the run's spec the record would have {} bytes, of {LONGEST} at most; give the template when it is restored",
                bytes.len()
            )),
            labels: BTreeMap::new(),
            ..self.clone()
        };
        let bytes = serde_json::to_vec_pretty(&short).map_err(RecordError::Form)?;
        match bytes.len() {
            ..=LONGEST => Ok(bytes),
            length => Err(RecordError::TooLong(length)),
        }
    }

    /// Reads what anybody may have written there.
    ///
    /// # Errors
    /// It is none, or not one of this version, in words.
    pub fn read(bytes: &[u8]) -> Result<Self, RecordError> {
        #[derive(Deserialize)]
        struct Version {
            record: u32,
        }
        if bytes.len() > LONGEST {
            return Err(RecordError::TooLong(bytes.len()));
        }
        let version: Version = serde_json::from_slice(bytes).map_err(RecordError::Form)?;
        if version.record != VERSION {
            return Err(RecordError::Version(version.record));
        }
        let mut record: Self = serde_json::from_slice(bytes).map_err(RecordError::Form)?;
        // The operator's own say whose a run is, and none is written into a record.
        record.labels.retain(|name, _| !name.starts_with(OWN_LABELS));
        record.check()?;
        Ok(record)
    }

    fn check(&self) -> Result<(), RecordError> {
        let wrong = |field, why: &str| Err(RecordError::Field { field, why: why.into() });
        let words = [
            ("namespace", &self.namespace),
            ("run", &self.run),
            ("uid", &self.uid),
            ("attempt", &self.attempt),
            ("path", &self.path),
            ("key", &self.key),
            ("etag", &self.etag),
        ];
        for (field, word) in words {
            if word.is_empty() {
                return wrong(field, "empty");
            }
            if word.chars().any(char::is_control) {
                return wrong(field, "not one line of text: it has control characters");
            }
        }
        if !self.path.starts_with('/') || !self.key.ends_with(self.path.trim_start_matches('/')) {
            return wrong("key", "not the one of its path");
        }
        let times = [
            ("completionTime", Some(self.completion_time)),
            ("startTime", self.start_time),
            ("scheduledAt", self.scheduled_at),
        ];
        for (field, time) in times {
            if time.is_some_and(|time| !(0..LAST_SECOND).contains(&time.as_second())) {
                return wrong(field, "not between the years 1970 and 9999");
            }
        }
        if self.start_time.is_some_and(|start| start > self.completion_time) {
            return wrong("startTime", "after its completionTime");
        }
        // What the API server can count to.
        if self.stored_bytes.max(self.bytes.unwrap_or(0)) > i64::MAX as u64 {
            return wrong("bytes", "more than any backup has");
        }
        match &self.sha256 {
            Some(sum) if sum.len() != 64 || !sum.bytes().all(|b| b.is_ascii_hexdigit()) => {
                wrong("sha256", "not 64 hexadecimal digits")
            }
            _ => Ok(()),
        }
    }

    /// Whose it is, as its key says it.
    pub fn place(&self) -> crate::Place {
        crate::Place {
            namespace: self.namespace.clone(),
            schedule: self.schedule.clone(),
            run: self.run.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testkit::record;

    #[test]
    fn a_record_comes_back_as_it_was_written_and_says_its_version_first() {
        let written = record();
        let bytes = written.to_bytes().unwrap();
        assert!(String::from_utf8_lossy(&bytes).starts_with("{\n  \"record\": 1,"));
        assert_eq!(Record::read(&bytes).unwrap(), written);
    }

    #[test]
    fn a_label_of_the_operators_own_is_not_believed() {
        let mut written = record();
        written
            .labels
            .insert("backup-operator.io/schedule".into(), "other".into());
        let read = Record::read(&written.to_bytes().unwrap()).unwrap();
        assert_eq!(read.labels, record().labels);
    }

    #[test]
    fn what_is_no_record_is_refused_in_words() {
        let change = |field: &str, value: Value| {
            let mut json: Value = serde_json::to_value(record()).unwrap();
            json[field] = value;
            Record::read(&serde_json::to_vec(&json).unwrap()).map_err(|e| e.to_string())
        };
        for (field, value, words) in [
            ("record", json!(2), "version 2"),
            ("record", json!(null), "cannot be read"),
            ("namespace", json!(""), "namespace is empty"),
            ("run", json!("a\u{1b}[2Jb"), "run is not one line"),
            ("key", json!("elsewhere/other.sql"), "key is not the one of its path"),
            ("path", json!("db.sql"), "key is not"),
            ("sha256", json!("abc"), "64 hexadecimal"),
            ("storedBytes", json!(-1), "cannot be read"),
            ("bytes", json!(u64::MAX), "more than any backup has"),
            ("startTime", json!("-009000-01-01T00:00:00Z"), "not between the years"),
            ("startTime", json!("2026-11-28T01:00:10Z"), "after its completionTime"),
            ("etag", json!(null), "cannot be read"),
        ] {
            let refused = change(field, value.clone()).unwrap_err();
            assert!(refused.contains(words), "{field} {value}: {refused}");
        }
        assert!(change("of a later operator", json!({"x": 1})).is_ok());
        assert!(Record::read(&vec![b' '; LONGEST + 1]).is_err());
    }

    #[test]
    fn a_template_that_has_no_room_is_left_out_and_that_is_said() {
        let mut long = record();
        let Needs::Spec(spec) = &mut long.needs else { panic!() };
        spec.template.metadata =
            Some(serde_json::from_value(json!({"annotations": {"a": "x".repeat(LONGEST)}})).unwrap());
        let bytes = long.to_bytes().unwrap();
        let Needs::LeftOut(words) = Record::read(&bytes).unwrap().needs else {
            panic!()
        };
        assert!(words.contains("give the template"), "{words}");
    }
}
