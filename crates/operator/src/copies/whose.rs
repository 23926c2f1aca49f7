//! Whose an object is that lies where a copy is to be: by its label, which the store gives back.
use store::{Label, ObjectInfo};

use crate::transfer::uploads;

/// Its label names this run, and the attempt that made the original.
pub fn is_ours(object: &ObjectInfo, label: &Label) -> bool {
    same(object, label, uploads::RUN) && same(object, label, uploads::ATTEMPT)
}

/// A path that each run of a schedule writes anew holds the copy of the one before; whatever else lies there is somebody's. So is the copy
/// of a run whose backup is `newer`: a copy that was late would put an older backup in its place.
///
/// # Errors
/// Who wrote it.
pub fn may_be_replaced(object: &ObjectInfo, label: &Label, newer: impl FnOnce(&str) -> bool) -> Result<(), String> {
    let by = object.metadata.get(uploads::NAME).map(String::as_str);
    let of_schedule = same(object, label, uploads::SCHEDULE) && same(object, label, uploads::CLUSTER);
    let own = same(object, label, uploads::RUN);
    if of_schedule && (own || !by.is_some_and(newer)) {
        return Ok(());
    }
    Err(by.unwrap_or("somebody else").to_owned())
}

fn same(object: &ObjectInfo, label: &Label, name: &str) -> bool {
    let theirs = object.metadata.get(name);
    theirs.is_some() && theirs == label.get(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(run: &str, attempt: &str, schedule: Option<&str>, cluster: &str) -> Label {
        let all = [
            (uploads::RUN, Some(run)),
            (uploads::ATTEMPT, Some(attempt)),
            (uploads::NAME, Some("team/db-1")),
            (uploads::SCHEDULE, schedule),
            (uploads::CLUSTER, Some(cluster)),
        ];
        all.into_iter()
            .filter_map(|(name, value)| Some((name.to_string(), value?.to_string())))
            .collect()
    }

    fn object(metadata: Label) -> ObjectInfo {
        ObjectInfo {
            size: 1,
            etag: "e".into(),
            metadata,
            checksum_sha256: None,
            version_id: None,
            age: None,
            archived: None,
            held: store::Held::default(),
        }
    }

    #[test]
    fn a_copy_is_ours_by_run_and_attempt_and_nothing_without_a_label_is() {
        let ours = label("u", "backup-1", Some("team/db"), "c");
        for (theirs, is) in [
            (ours.clone(), true),
            (label("u", "backup-2", Some("team/db"), "c"), false),
            (label("v", "backup-1", Some("team/db"), "c"), false),
            (Label::default(), false),
        ] {
            assert_eq!(is_ours(&object(theirs.clone()), &ours), is, "{theirs:?}");
        }
        assert!(!is_ours(&object(Label::default()), &Label::default()));
    }

    #[test]
    fn what_is_replaced_is_an_older_copy_of_the_same_schedule_and_cluster_and_nothing_else() {
        let ours = label("u", "backup-1", Some("team/db"), "c");
        for (theirs, newer, may) in [
            (label("v", "backup-1", Some("team/db"), "c"), false, true),
            // A copy that was late.
            (label("v", "backup-1", Some("team/db"), "c"), true, false),
            // An earlier attempt of its own.
            (label("u", "backup-2", Some("team/db"), "c"), true, true),
            (label("v", "backup-1", Some("team/other"), "c"), false, false),
            (label("v", "backup-1", Some("team/db"), "another"), false, false),
            (label("v", "backup-1", None, "c"), false, false),
            (Label::default(), false, false),
        ] {
            let made = may_be_replaced(&object(theirs.clone()), &ours, |_| newer);
            assert_eq!(made.is_ok(), may, "{theirs:?} {newer}");
        }
        // Runs without a schedule share no path.
        let alone = label("u", "backup-1", None, "c");
        assert!(may_be_replaced(&object(label("v", "backup-1", None, "c")), &alone, |_| false).is_err());
    }
}
