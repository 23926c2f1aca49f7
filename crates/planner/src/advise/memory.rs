//! Whether the container that a backup runs in has the memory that its agent wants, beside the command's.
use api::BackupRunSpec;
use api::run::Algorithm;

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

pub(super) fn advise(spec: &BackupRunSpec, field: &str, said: &mut Vec<Fault>) {
    let Some(backup) = &spec.backup else { return };
    let all = &spec.template.spec.containers;
    let found = match backup.container.as_deref() {
        Some(name) => all.iter().position(|c| c.name == name),
        None => (!all.is_empty()).then_some(0),
    };
    let Some((at, container)) = found.and_then(|at| Some((at, all.get(at)?))) else {
        return;
    };
    let limits = container.resources.as_ref().and_then(|r| r.limits.as_ref());
    let Some(limit) = limits.and_then(|l| l.get("memory")).and_then(|q| bytes(&q.0)) else {
        return;
    };
    let at = format!("{field}.template.spec.containers[{at}].resources.limits[\"memory\"]");
    // As the agent does: two parts in half of it.
    let largest = (limit / 4).max(SMALLEST_PART);
    if let Some(size) = expected(backup).filter(|size| size.div_ceil(PARTS) > largest) {
        say(
            said,
            &at,
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
            &at,
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
}
