//! What the objects of each kind are looked for by.
use api::run::RetainPolicy;
use api::{BackupDrill, BackupRun, BackupSchedule, BackupStorage, labels};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use planner::run::inherited::is_hidden;
use planner::run::is_finished;

use super::{Due, Group, Kind};
use crate::ownership::controller_of;

impl Kind for BackupStorage {
    fn groups(&self) -> Vec<Group<'_>> {
        Vec::new()
    }
}

impl Kind for BackupSchedule {
    fn groups(&self) -> Vec<Group<'_>> {
        Vec::new()
    }

    fn counted(&self) -> Option<(&str, u64)> {
        Some((&self.spec.template.spec.storage.name, 0))
    }

    fn due(&self) -> Due {
        let next = self.status.as_ref().map(|s| s.next_schedule_time.as_ref());
        due_at_tick(self, next, self.spec.suspend == Some(true))
    }
}

impl Kind for BackupDrill {
    const EMPTY_SPEC: &str = r#"{"schedule":"","source":{"schedule":""}}"#;

    fn groups(&self) -> Vec<Group<'_>> {
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        let lacks = planner::drill::decide::lacked(self).is_some();
        let lacking = lacks.then(|| Group::Lacking(namespace, &self.spec.source.schedule));
        lacking.into_iter().collect()
    }

    fn due(&self) -> Due {
        let next = self.status.as_ref().map(|s| s.next_schedule_time.as_ref());
        due_at_tick(self, next, self.spec.suspend == Some(true))
    }
}

/// Of what has a calendar; `next` is what its status says, where there is one.
fn due_at_tick(object: &impl ResourceExt, next: Option<Option<&Time>>, suspended: bool) -> Due {
    let triggered = object.annotations().contains_key(labels::TRIGGER);
    match next {
        Some(next) if object.meta().deletion_timestamp.is_none() && !triggered => match next {
            Some(time) => Due::At(time.0),
            None if suspended => Due::Never,
            // It was suspended when the last operator looked.
            None => Due::Now,
        },
        _ => Due::Now,
    }
}

impl Kind for BackupRun {
    const EMPTY_SPEC: &str = r#"{"storage":{"name":"","path":""},"template":{"spec":{"containers":[]}}}"#;

    /// Rotation passes by what goes with its object and may not: a head says whether it does.
    fn head_spec(&self) -> &'static str {
        match self.spec.retain_policy {
            Some(RetainPolicy::Delete) => {
                r#"{"retainPolicy":"Delete","storage":{"name":"","path":""},"template":{"spec":{"containers":[]}}}"#
            }
            _ => Self::EMPTY_SPEC,
        }
    }

    fn groups(&self) -> Vec<Group<'_>> {
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        let schedule = self.labels().get(labels::SCHEDULE);
        let mut groups: Vec<_> = controlled(self).into_iter().collect();
        groups.extend(schedule.map(|name| Group::Labelled(namespace, name)));
        groups.extend(keys(self).map(Group::Naming));
        let source = self.status.as_ref().and_then(|s| s.source.as_ref());
        groups.extend(source.map(|source| Group::RestoresFrom(&source.uid)));
        if waits(self) {
            groups.push(Group::WaitingFor(&self.spec.storage.name));
        }
        groups
    }

    fn counted(&self) -> Option<(&str, u64)> {
        // What a run restores from another one's backup is counted there.
        let own = self.status.as_ref().filter(|_| self.spec.backup.is_some());
        let bytes = own.and_then(|s| s.size_in_bytes);
        Some((&self.spec.storage.name, bytes.unwrap_or(0)))
    }

    fn settled(&mut self) {
        self.resolved();
    }

    fn due(&self) -> Due {
        let is_asked = self.metadata.deletion_timestamp.is_some()
            || [labels::RESTORE, labels::CANCEL, labels::DOWNLOAD, labels::REWRAP]
                .iter()
                .any(|a| self.annotations().contains_key(*a));
        match &self.status {
            // One that has restored another one's backup may still have to tell that one.
            Some(status)
                if is_finished(status)
                    && status.transfer.is_none()
                    && status.source.is_none()
                    && status.rewrap.is_none()
                    && status.replaced.is_empty()
                    && !is_hidden(self)
                    && !is_asked =>
            {
                Due::Never
            }
            _ => Due::Now,
        }
    }
}

impl Kind for Pod {
    fn groups(&self) -> Vec<Group<'_>> {
        controlled(self).into_iter().collect()
    }
}

fn controlled(object: &impl ResourceExt) -> Option<Group<'_>> {
    controller_of(object).map(|owner| Group::ControlledBy(&owner.uid))
}

/// The keys that a run names in its status.
pub fn keys(run: &BackupRun) -> impl Iterator<Item = &str> {
    let status = run.status.as_ref();
    let stored = status.and_then(|s| s.key.as_deref());
    let written = status.and_then(|s| s.transfer.as_ref()?.key.as_deref());
    let made = status.and_then(|s| s.rewrap.as_ref()).map(|rewrap| rewrap.key.as_str());
    stored
        .into_iter()
        .chain(written.filter(move |key| Some(*key) != stored))
        .chain(made)
}

/// Whether a run has not begun. One that waits for its turn is woken when it has it: a storage changes with each run that ends, and
/// thousands may wait.
fn waits(run: &BackupRun) -> bool {
    let asked = run.annotations().contains_key(labels::RESTORE);
    run.status
        .as_ref()
        .is_none_or(|s| s.transfer.is_none() && s.queued.is_none() && (asked || !is_finished(s)))
}
