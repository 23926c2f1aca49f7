//! Whether the container that a command runs in has the memory that its agent wants, beside the command's.
use api::BackupRunSpec;
use api::run::{Algorithm, BackupAction};

use super::say;
use crate::run::shrunk::expected;
use crate::size::humanize;
use crate::validate::Fault;
use crate::validate::pod::bytes;

const MIB: u64 = 1 << 20;
/// Parts that a store takes.
const PARTS: u64 = 10_000;
/// S3: the least that a part has.
const SMALLEST_PART: u64 = 5 * MIB;
/// What zstd takes from a level on, MiB: docs/operations/memory.md has it measured. Above level 12 it has one thread.
const ZSTD: [(i32, u64); 5] = [(1, 16), (6, 32), (10, 88), (13, 72), (16, 88)];

/// What a restoring agent takes beside the window, MiB: `pipeline::Allowance` has it, too.
const BESIDE: u64 = 32;
/// The largest window that a backup of this operator needs, as a power of two: it is always read.
const OWN: i32 = 23;

pub(super) fn advise(spec: &BackupRunSpec, field: &str, said: &mut Vec<Fault>) {
    if let Some(backup) = &spec.backup
        && let Some((at, limit)) = limit_of(spec, backup.container.as_deref())
    {
        parts_and_tables(spec, backup, limit, &format!("{field}.{at}"), said);
    }
    if let Some(restore) = &spec.restore
        && let Some((at, limit)) = limit_of(spec, restore.container.as_deref())
    {
        window(spec, limit, field, &at, said);
    }
}

/// The memory limit of the container that a command runs in, and where it stands.
fn limit_of(spec: &BackupRunSpec, container: Option<&str>) -> Option<(String, u64)> {
    let all = &spec.template.spec.containers;
    let at = match container {
        Some(name) => all.iter().position(|c| c.name == name)?,
        None => 0,
    };
    let limits = all.get(at)?.resources.as_ref()?.limits.as_ref()?;
    let limit = bytes(&limits.get("memory")?.0)?;
    Some((
        format!("template.spec.containers[{at}].resources.limits[\"memory\"]"),
        limit,
    ))
}

/// What `windowLog` allows is refused all the same where the memory has no room for it.
fn window(spec: &BackupRunSpec, limit: u64, field: &str, at: &str, said: &mut Vec<Fault>) {
    let log = spec.compression.as_ref().and_then(|c| c.window_log);
    let Some(log) = log.filter(|log| (OWN + 1..=31).contains(log)) else {
        return;
    };
    let needed = (1_u64 << log) + BESIDE * MIB;
    if needed > limit {
        say(
            said,
            &format!("{field}.compression.windowLog"),
            format!(
                "{log} allows windows of {}, and {at} is {}, so that a restore of such an object is refused: give the container {} MiB, plus what the command takes",
                humanize(1 << log),
                humanize(limit),
                needed / MIB
            ),
        );
    }
}

fn parts_and_tables(spec: &BackupRunSpec, backup: &BackupAction, limit: u64, at: &str, said: &mut Vec<Fault>) {
    // As the agent does: two parts in half of it.
    let largest = (limit / 4).max(SMALLEST_PART);
    if let Some(size) = expected(backup).filter(|size| size.div_ceil(PARTS) > largest) {
        say(
            said,
            at,
            format!(
                "{} leaves room for parts of {}, of which a store takes {PARTS}: a backup of {} does not fit; give it {} at least",
                humanize(limit),
                humanize(largest),
                humanize(size),
                humanize(size.div_ceil(PARTS).saturating_mul(4).div_ceil(MIB).saturating_mul(MIB))
            ),
        );
    }
    let zstd = spec.compression.as_ref().filter(|c| c.algorithm == Algorithm::Zstd);
    let level = zstd.map(|c| c.level.unwrap_or(3));
    let tables = level.and_then(|level| ZSTD.iter().rev().find(|(from, _)| level >= *from));
    if let (Some(level), Some((_, tables))) = (level, tables)
        && tables * MIB > limit / 2
    {
        say(
            said,
            at,
            format!(
                "{} is little for zstd at level {level}, which takes {tables} MiB in the agent, beside the parts and the command itself: give it {} MiB, or lower the level",
                humanize(limit),
                tables * 2 + 32
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_limit_below_what_the_backup_wants_is_told_with_what_would_do() {
        for (limit, size, compression, says) in [
            ("128Mi", "100Gi", json!(null), None),
            ("32Mi", "100Gi", json!(null), Some("does not fit")),
            ("64Mi", "10Gi", json!(null), None),
            ("128Mi", "10Gi", json!({"algorithm": "zstd"}), None),
            (
                "128Mi",
                "10Gi",
                json!({"algorithm": "zstd", "level": 19}),
                Some("level 19"),
            ),
            ("512Mi", "10Gi", json!({"algorithm": "zstd", "level": 19}), None),
            ("16Mi", "1Gi", json!({"algorithm": "gzip"}), None),
        ] {
            let mut run = testing::backup_run();
            run.spec.backup.as_mut().unwrap().expected_size = Some(size.into());
            run.spec.compression = serde_json::from_value(compression).unwrap();
            let resources = json!({"limits": {"memory": limit}});
            run.spec.template.spec.containers[0].resources = serde_json::from_value(resources).unwrap();
            let mut said = Vec::new();
            advise(&run.spec, "spec", &mut said);
            assert_eq!(said.len(), usize::from(says.is_some()), "{limit} {size}: {said:?}");
            if let Some(says) = says {
                assert!(said[0].field.ends_with("resources.limits[\"memory\"]"));
                assert!(said[0].message.contains(says), "{said:?}");
            }
        }
    }

    #[test]
    fn a_window_that_the_restoring_container_has_no_room_for_is_told() {
        for (limit, log, says) in [
            ("128Mi", Some(27), Some("give the container 160 MiB")),
            ("160Mi", Some(27), None),
            ("1Gi", Some(31), Some("windows of 2.0 GiB")),
            // What this operator writes is read whatever the limit.
            ("16Mi", Some(23), None),
            ("64Mi", None, None),
        ] {
            let mut run = testing::backup_run();
            run.spec.restore = serde_json::from_value(json!({"command": ["restore"]})).unwrap();
            run.spec.compression = serde_json::from_value(json!({"algorithm": "zstd", "windowLog": log})).unwrap();
            let resources = json!({"limits": {"memory": limit}});
            run.spec.template.spec.containers[0].resources = serde_json::from_value(resources).unwrap();
            let mut said = Vec::new();
            advise(&run.spec, "spec", &mut said);
            said.retain(|f| f.field == "spec.compression.windowLog");
            assert_eq!(said.len(), usize::from(says.is_some()), "{limit} {log:?}: {said:?}");
            if let Some(says) = says {
                assert!(said[0].message.contains(says), "{said:?}");
            }
        }
    }
}
