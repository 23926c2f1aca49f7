//! The rules of a `BackupRun`'s spec, and what they make of it.
use std::fmt;

use api::BackupRunSpec;
use api::run::{Algorithm, Compression, RetainPolicy};
use gotemplate::{Context, Template};

use super::{Fault, Faults, container, metadata, recipient};
use crate::run::path::sample;

/// The longest path, in bytes: S3's 1,024 for a key, less some for the storage's prefix.
pub const PATH_MAX: usize = 1_000;
/// The longest text that a path template may render to before white space around it is dropped, in bytes.
const RENDERED_MAX: usize = 2 * PATH_MAX;

/// What a valid spec amounts to.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidRun {
    /// Container of the backup command; None in a restore-only run.
    pub backup_container: Option<String>,
    /// Container of the restore command, if there is one.
    pub restore_container: Option<String>,
    /// Compression with its level resolved.
    pub compression: Option<ValidCompression>,
    /// Recipients of the encryption; empty without one.
    pub recipients: Vec<String>,
    path: Template,
}

/// Compression with its level resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValidCompression {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// gzip: 1 to 9; zstd: 1 to 19.
    pub level: i32,
}

/// A path that did not render, or rendered to what a path cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathError(String);

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PathError {}

impl ValidRun {
    /// Renders `spec.storage.path`.
    ///
    /// # Errors
    /// The template fails with that time and those data, or makes what is no path.
    pub fn render_path(&self, context: &Context) -> Result<String, PathError> {
        render(&self.path, context).map_err(PathError)
    }
}

fn render(path: &Template, context: &Context) -> Result<String, String> {
    let rendered = path.render(context, RENDERED_MAX).map_err(|e| e.one_line())?;
    check_path(&rendered)
}

/// Checks a spec as `spec`.
///
/// # Errors
/// All faults, in the order of the fields.
pub fn validate(spec: &BackupRunSpec) -> Result<ValidRun, Vec<Fault>> {
    validate_below("spec", spec)
}

/// Checks a spec that stands at a field of another object.
///
/// # Errors
/// All faults, in the order of the fields.
pub fn validate_below(field: &str, spec: &BackupRunSpec) -> Result<ValidRun, Vec<Fault>> {
    let mut faults = Faults::below(field);
    actions(spec, &mut faults);
    let backup_container = spec
        .backup
        .as_ref()
        .and_then(|a| container::resolve(spec, a.container.as_deref(), "backup.container", &mut faults));
    let restore_container = spec
        .restore
        .as_ref()
        .and_then(|a| container::resolve(spec, a.container.as_deref(), "restore.container", &mut faults));
    let path = path(spec, &mut faults);
    let compression = spec.compression.as_ref().and_then(|c| compression(c, &mut faults));
    let recipients = encryption(spec, &mut faults);
    metadata::check(spec.template.metadata.as_ref(), "template.metadata", &mut faults);
    container::check(spec, &mut faults);
    if spec.start_deadline_seconds == Some(0) {
        faults.add("startDeadlineSeconds", "has to be at least 1; leave it out for 600");
    }
    match path {
        Some(path) if faults.all.is_empty() => Ok(ValidRun {
            backup_container,
            restore_container,
            compression,
            recipients,
            path,
        }),
        _ => Err(faults.all),
    }
}

fn actions(spec: &BackupRunSpec, faults: &mut Faults) {
    if spec.backup.is_none() && spec.restore.is_none() {
        faults.add("", "one of backup and restore is needed");
    }
    let restore_only = spec.backup.is_none() && spec.restore.is_some();
    if restore_only && spec.retain_policy == Some(RetainPolicy::Delete) {
        faults.add(
            "retainPolicy",
            "a run that only restores does not own the object: Retain is wanted, or a backup",
        );
    }
    if let Some(a) = &spec.backup {
        action("backup", &a.command, a.deadline_seconds, faults);
    }
    if let Some(a) = &spec.restore {
        action("restore", &a.command, a.deadline_seconds, faults);
    }
}

fn action(name: &str, command: &[String], deadline: Option<u64>, faults: &mut Faults) {
    if command.first().is_none_or(String::is_empty) {
        faults.add(
            &format!("{name}.command"),
            "the program to run is missing: its first element must not be empty",
        );
    }
    if deadline == Some(0) {
        faults.add(
            &format!("{name}.deadlineSeconds"),
            "has to be at least 1; leave it out for no limit",
        );
    }
}

fn path(spec: &BackupRunSpec, faults: &mut Faults) -> Option<Template> {
    if spec.storage.name.is_empty() {
        faults.add("storage.name", "the name of a BackupStorage is needed");
    }
    let template = match Template::parse(&spec.storage.path) {
        Ok(template) => template,
        Err(error) => {
            faults.add("storage.path", error.one_line());
            return None;
        }
    };
    // At some instant, so that what is wrong with the path at any time is said before a run exists.
    match render(&template, &sample()) {
        Ok(_) => Some(template),
        Err(why) => {
            faults.add("storage.path", why);
            None
        }
    }
}

/// Checks a rendered path and drops the white space around it.
///
/// # Errors
/// What is wrong with it.
pub fn check_path(rendered: &str) -> Result<String, String> {
    let path = rendered.trim();
    let shown = || {
        if path.chars().count() > 80 {
            format!("{:?}...", path.chars().take(80).collect::<String>())
        } else {
            format!("{path:?}")
        }
    };
    let Some(relative) = path.strip_prefix('/') else {
        return Err(format!("{} does not begin with /", shown()));
    };
    if path.len() > PATH_MAX {
        return Err(format!(
            "{} has {} bytes; at most {PATH_MAX} are possible",
            shown(),
            path.len()
        ));
    }
    if let Some(c) = path.chars().find(|c| c.is_control()) {
        return Err(format!("{} has the control character {c:?}", shown()));
    }
    if relative.is_empty() || relative.ends_with('/') {
        return Err(format!(
            "{} names no object: something has to follow the last /",
            shown()
        ));
    }
    match relative.split('/').find(|segment| matches!(*segment, "" | "." | "..")) {
        Some("") => Err(format!("{} has // in it", shown())),
        Some(segment) => Err(format!(
            "{} has the segment {segment:?}, which could lead elsewhere",
            shown()
        )),
        None => Ok(path.into()),
    }
}

fn compression(compression: &Compression, faults: &mut Faults) -> Option<ValidCompression> {
    let algorithm = compression.algorithm;
    let (name, most, default) = match algorithm {
        Algorithm::Gzip => ("gzip", 9, 6),
        Algorithm::Zstd => ("zstd", 19, 3),
    };
    let level = match (algorithm, compression.level) {
        (_, None) => default,
        // zlib's words for "default" and "Huffman only", and the Go operator's zero value: none of them asks for no compression.
        (Algorithm::Gzip, Some(-2..=0)) => default,
        (_, Some(level)) if (1..=most).contains(&level) => level,
        (_, Some(level)) => {
            faults.add(
                "compression.level",
                format!("{level} is no level of {name}: 1 to {most} are, and {default} is the default"),
            );
            return None;
        }
    };
    Some(ValidCompression { algorithm, level })
}

fn encryption(spec: &BackupRunSpec, faults: &mut Faults) -> Vec<String> {
    let Some(encryption) = &spec.encryption else {
        return Vec::new();
    };
    if encryption.recipients.is_empty() && spec.backup.is_some() {
        faults.add(
            "encryption.recipients",
            "at least one recipient is needed: age1..., ssh-ed25519 ... or ssh-rsa ...",
        );
    }
    for (index, text) in encryption.recipients.iter().enumerate() {
        if let Err(why) = recipient::check(text) {
            faults.add(&format!("encryption.recipients[{index}]"), why);
        }
    }
    match &encryption.decryption_key {
        None if spec.restore.is_some() => {
            faults.add(
                "encryption.decryptionKey",
                "an encrypted backup can only be restored with a key: {name, key} of a Secret is needed, or no restore",
            );
        }
        Some(key) => {
            for (field, value) in [("name", &key.name), ("key", &key.key)] {
                if value.is_empty() {
                    faults.add(&format!("encryption.decryptionKey.{field}"), "must not be empty");
                }
            }
        }
        None => {}
    }
    encryption.recipients.clone()
}

#[cfg(test)]
mod tests;
