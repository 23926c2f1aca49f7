//! The rules of a `BackupRun`'s spec, and what they make of it.
use std::fmt;

use api::BackupRunSpec;
use api::rules;
use api::run::{Algorithm, Compression, Encryption, KeyType, RetainPolicy, RunStorage};
use gotemplate::{Context, Template};

use super::{Fault, Faults, action, container, metadata, names, pod, recipient, source};
use crate::run::path::sample;
use crate::run::shrunk::{self, MinSize};

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
    /// The largest window that a restore takes, where it is said.
    pub window_log: Option<u32>,
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
pub(super) fn validate_below(field: &str, spec: &BackupRunSpec) -> Result<ValidRun, Vec<Fault>> {
    let mut faults = Faults::below(field);
    actions(spec, &mut faults);
    source::check(spec, &mut faults);
    copies(spec, &mut faults);
    let backup_container = spec
        .backup
        .as_ref()
        .and_then(|a| container::resolve(spec, a.container.as_deref(), "backup.container", &mut faults));
    let restore_container = spec
        .restore
        .as_ref()
        .and_then(|a| container::resolve(spec, a.container.as_deref(), "restore.container", &mut faults));
    let check = spec.restore.as_ref().and_then(|a| a.check.as_ref());
    if let Some(named) = check.and_then(|c| c.container.as_deref()) {
        container::resolve_check(spec, named, &mut faults);
    }
    let path = path(spec, &mut faults);
    let compression = spec.compression.as_ref().and_then(|c| compression(c, &mut faults));
    let recipients = encryption(spec, &mut faults);
    metadata::check(spec.template.metadata.as_ref(), "template.metadata", &mut faults);
    container::check(spec, &mut faults);
    pod::check(&spec.template.spec, &mut faults);
    if let Some(resources) = spec.agent.as_ref().and_then(|a| a.resources.as_ref()) {
        pod::resources(resources, "agent.resources", &mut faults);
    }
    action::seconds(
        spec.start_deadline_seconds.map(u64::from),
        "startDeadlineSeconds",
        "600",
        &mut faults,
    );
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

/// S3: an upload has so many parts, of so many bytes.
const LARGEST_OBJECT: u64 = 10_000 * (5 << 30);

fn actions(spec: &BackupRunSpec, faults: &mut Faults) {
    if spec.backup.is_none() && spec.restore.is_none() {
        faults.add("", rules::BACKUP_OR_RESTORE.words());
    }
    let restore_only = spec.backup.is_none() && spec.restore.is_some();
    if restore_only && spec.retain_policy == Some(RetainPolicy::Delete) {
        faults.add("retainPolicy", rules::RESTORE_ONLY_RETAINS.words());
    }
    if let Some(a) = &spec.backup {
        action::check("backup", &a.command, &a.args, a.deadline_seconds, faults);
        if a.min_size.as_deref().is_some_and(|text| MinSize::parse(text).is_none()) {
            faults.add("backup.minSize", rules::MIN_SIZE.words());
        }
        match (&a.expected_size, shrunk::expected(a)) {
            (Some(_), None | Some(0)) => faults.add("backup.expectedSize", rules::EXPECTED_SIZE.words()),
            (Some(said), Some(bytes)) if bytes > LARGEST_OBJECT => faults.add(
                "backup.expectedSize",
                format!("{said} is more than a store takes: an object has 10,000 parts of 5 GiB at most, which is 48.8 TiB; have several runs make a part of the backup each"),
            ),
            _ => {}
        }
    }
    if let Some(a) = &spec.restore {
        action::check("restore", &a.command, &a.args, a.deadline_seconds, faults);
        if let Some(check) = &a.check {
            action::check(
                "restore.check",
                &check.command,
                &check.args,
                check.deadline_seconds,
                faults,
            );
        }
    }
}

fn copies(spec: &BackupRunSpec, faults: &mut Faults) {
    if !spec.copies.is_empty() && spec.backup.is_none() {
        faults.add("copies", rules::COPIES_NEED_BACKUP.words());
    }
    for (n, copy) in spec.copies.iter().enumerate() {
        let field = format!("copies[{n}].storage");
        if copy.storage == spec.storage.name {
            faults.add(&field, rules::COPIES_ARE_ELSEWHERE.words());
        } else if !names::is_subdomain(&copy.storage) {
            let name = &copy.storage;
            faults.add(
                &field,
                format!("{name:?} cannot be the name of a BackupStorage: {}", names::SUBDOMAIN),
            );
        } else if spec.copies.iter().take(n).any(|before| before.storage == copy.storage) {
            faults.add(
                &field,
                format!("{:?} is there twice; one copy goes to a storage", copy.storage),
            );
        }
        let Some(path) = &copy.path else { continue };
        let rendered = Template::parse(path)
            .map_err(|e| e.one_line())
            .and_then(|t| render(&t, &sample()));
        if let Err(why) = rendered {
            faults.add(&format!("copies[{n}].path"), why);
        }
    }
}

/// A copy's path, rendered.
///
/// # Errors
/// What is wrong with it.
pub fn render_copy(path: &str, context: &Context) -> Result<String, String> {
    let template = Template::parse(path).map_err(|e| e.one_line())?;
    render(&template, context)
}

fn path(spec: &BackupRunSpec, faults: &mut Faults) -> Option<Template> {
    let storage = &spec.storage.name;
    if spec.source.is_some() {
        // Where the backup lies is known once it was picked.
        return Template::parse(&spec.storage.path).ok();
    }
    if storage.is_empty() {
        match spec.storage == RunStorage::default() {
            true => faults.add("storage", rules::STORAGE_OR_SOURCE.words()),
            false => faults.add("storage.name", "the name of a BackupStorage is needed"),
        }
    } else if !names::is_subdomain(storage) {
        faults.add(
            "storage.name",
            format!(
                "{storage:?} cannot be the name of a BackupStorage: {}",
                names::SUBDOMAIN
            ),
        );
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
    // Each with the words of the API server, which judges paths without a template by itself.
    let form = |why: String| Err(format!("{why}; it {}", rules::PATH_FORM.words()));
    let Some(relative) = path.strip_prefix('/') else {
        return form(format!("{} does not begin with /", shown()));
    };
    if path.len() > PATH_MAX {
        return Err(format!(
            "{} has {} bytes; at most {PATH_MAX} are possible",
            shown(),
            path.len()
        ));
    }
    if let Some(c) = path.chars().find(|c| c.is_control()) {
        return form(format!("{} has the control character {c:?}", shown()));
    }
    if relative.is_empty() || relative.ends_with('/') {
        return form(format!(
            "{} names no object: something has to follow the last /",
            shown()
        ));
    }
    if relative.contains("//") || relative.starts_with('/') {
        return form(format!("{} has // in it", shown()));
    }
    match api::place::segments(relative).find(|segment| matches!(*segment, "." | ".." | api::place::OWN)) {
        Some(api::place::OWN) => Err(format!("{} leads into it; it {}", shown(), rules::PATH_OWN.words())),
        Some(segment) => Err(format!(
            "{} has the segment {segment:?}, which could lead elsewhere; it {}",
            shown(),
            rules::PATH_DOTS.words()
        )),
        None => Ok(path.into()),
    }
}

fn compression(compression: &Compression, faults: &mut Faults) -> Option<ValidCompression> {
    let algorithm = compression.algorithm;
    let (most, default) = match algorithm {
        Algorithm::Gzip => (9, 6),
        Algorithm::Zstd => (19, 3),
    };
    let level = match (algorithm, compression.level) {
        (_, None) => default,
        // zlib's words for "default" and "Huffman only", and the Go operator's zero value: none of them asks for no compression.
        (Algorithm::Gzip, Some(-2..=0)) => default,
        (_, Some(level)) if (1..=most).contains(&level) => level,
        (_, Some(level)) => {
            faults.add(
                "compression.level",
                format!("{level} is out of range: {}", rules::LEVEL.words()),
            );
            return None;
        }
    };
    let window_log = match compression.window_log {
        None => None,
        Some(log @ 10..=31) if algorithm == Algorithm::Zstd => u32::try_from(log).ok(),
        Some(log) => {
            faults.add("compression.windowLog", format!("{log} {}", rules::WINDOW_LOG.words()));
            return None;
        }
    };
    Some(ValidCompression {
        algorithm,
        level,
        window_log,
    })
}

fn recipients_from(encryption: &Encryption, faults: &mut Faults) {
    for (n, from) in encryption.recipients_from.iter().enumerate() {
        let field = format!("encryption.recipientsFrom[{n}]");
        let (word, one) = match (&from.config_map_key_ref, &from.secret_key_ref) {
            (Some(one), None) => ("configMapKeyRef", one),
            (None, Some(one)) => ("secretKeyRef", one),
            _ => {
                faults.add(&field, rules::RECIPIENTS_FROM_ONE.words());
                continue;
            }
        };
        if !names::is_subdomain(&one.name) {
            faults.add(
                &format!("{field}.{word}.name"),
                format!("{:?} cannot be a name: {}", one.name, names::SUBDOMAIN),
            );
        }
        if !names::is_secret_key(&one.key) {
            faults.add(
                &format!("{field}.{word}.key"),
                format!("{:?} cannot be a key: {}", one.key, names::SECRET_KEY),
            );
        }
    }
}

fn encryption(spec: &BackupRunSpec, faults: &mut Faults) -> Vec<String> {
    let Some(encryption) = &spec.encryption else {
        return Vec::new();
    };
    recipients_from(encryption, faults);
    if encryption.recipients.is_empty() && encryption.recipients_from.is_empty() && spec.backup.is_some() {
        faults.add("encryption.recipients", rules::BACKUP_NEEDS_RECIPIENT.words());
    }
    for (index, text) in encryption.recipients.iter().enumerate() {
        if let Err(why) = recipient::check(text) {
            faults.add(&format!("encryption.recipients[{index}]"), why);
        }
    }
    match &encryption.decryption_key {
        None if spec.restore.is_some() => {
            faults.add("encryption.decryptionKey", rules::RESTORE_NEEDS_KEY.words());
        }
        Some(key) => {
            let namespace = key
                .namespace
                .as_ref()
                .map(|n| ("namespace", n, names::is_label as fn(&str) -> bool, names::LABEL));
            let all = [
                (
                    "name",
                    &key.name,
                    names::is_subdomain as fn(&str) -> bool,
                    names::SUBDOMAIN,
                ),
                ("key", &key.key, names::is_secret_key, names::SECRET_KEY),
            ];
            for (field, value, right, words) in all.into_iter().chain(namespace) {
                let at = format!("encryption.decryptionKey.{field}");
                if value.is_empty() {
                    faults.add(&at, "must not be empty");
                } else if !right(value) {
                    // What stands in the place of a key's name may be the key itself: it is not repeated.
                    let shown = if field == "key" {
                        "it".into()
                    } else {
                        format!("{value:?}")
                    };
                    faults.add(&at, format!("{shown} cannot be the {field} of a Secret: {words}"));
                }
            }
            if key.key_type == Some(KeyType::Passphrase) && spec.backup.is_some() {
                faults.add("encryption.decryptionKey.type", rules::PASSPHRASE_RESTORES.words());
            }
        }
        None => {}
    }
    encryption.recipients.clone()
}

#[cfg(test)]
mod tests;
