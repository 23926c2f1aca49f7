//! Annotations, labels and finalizers: every name that users and the operator exchange in metadata.

/// On a `BackupRun`: any value asks for a restore; removed when the restore is taken up.
pub const RESTORE: &str = "backup-operator.io/restore";
/// On a `BackupRun`: set to the time (RFC 3339) of the last successful restore.
pub const RESTORED_AT: &str = "backup-operator.io/restored-at";
/// On a `BackupRun`, set by the operator with the removal of `restore`: hashes of the values that were taken up, newest last. A value
/// of them that an applier (GitOps) puts back is the same request, not a new one.
pub const RESTORES_TAKEN: &str = "backup-operator.io/restores-taken";
/// On a `BackupRun`, set with it: the value that was taken up last, which is all that releases before this one know.
pub const RESTORE_TAKEN: &str = "backup-operator.io/restore-taken";
/// On a `BackupRun`: any value stops what is under way or waits, and the run is kept; removed when that is taken up.
pub const CANCEL: &str = "backup-operator.io/cancel";
/// On a `BackupRun`: an age recipient (`age1...`) asks for a signed URL of its backup, which is put into `status.download`, encrypted for it;
/// removed when it was answered. Who sets it needs the right to `create` `backupruns/download`.
pub const DOWNLOAD: &str = "backup-operator.io/download";
/// On a `BackupRun`, set by the operator before the first attempt: the run's own UID. A run that carries another one was
/// brought back (Velero, `kubectl get -o yaml | kubectl apply`) without its status: it has lived before.
pub const STARTED_AS: &str = "backup-operator.io/started-as";
/// On a `BackupRun`, set with `started-as`: the path as it was rendered.
pub const RENDERED_PATH: &str = "backup-operator.io/rendered-path";
/// On a `BackupRun` that was made of a record: the record's key in the bucket.
pub const RECORD: &str = "backup-operator.io/record";
/// On a `BackupRun`: any value makes rotation pass it by.
pub const KEEP: &str = "backup-operator.io/keep";
/// On a `BackupRun`: puts a legal hold on its object, `false` takes it off. Without it nothing changes.
pub const LEGAL_HOLD: &str = "backup-operator.io/legal-hold";
/// On a `BackupRun`: storages, separated by commas, that its good backup is copied to, beside those of `spec.copies`.
pub const COPY: &str = "backup-operator.io/copy";
/// On a `BackupRun`: JSON of whom its good backup is to be encrypted for, too, and for whom no more (`{"add": ["age1..."], "remove": ["age1..."]}`);
/// removed when that is taken up, or refused.
pub const REWRAP: &str = "backup-operator.io/rewrap";
/// On a `BackupRun`, set by the operator with the removal of `rewrap`: hashes of the values that were taken up, or refused, newest last. A
/// value of them that an applier (GitOps) puts back is the same request, not a new one.
pub const REWRAPS_TAKEN: &str = "backup-operator.io/rewraps-taken";
/// On a `BackupRun`, set with it: the value that was taken up, or refused, last, which is all that releases before this one know.
pub const REWRAP_TAKEN: &str = "backup-operator.io/rewrap-taken";
/// On a `BackupSchedule` or `BackupDrill`: any value makes one run now; removed when the run exists.
pub const TRIGGER: &str = "backup-operator.io/trigger";
/// On a `BackupDrill`, beside `trigger`: the run whose backup is to be proved, whatever `source.pick` says; removed with it.
pub const TRIGGER_BACKUP: &str = "backup-operator.io/trigger-backup";
/// On a `BackupSchedule` or `BackupDrill`, set by the operator beside `trigger`: the name of the run that it is about to make.
pub const TRIGGER_RUN: &str = "backup-operator.io/trigger-run";
/// On a `BackupRun` made by `trigger`: the value of that annotation.
pub const TRIGGERED: &str = "backup-operator.io/triggered";
/// On a `BackupStorage`: set on creation; deletion is refused while it is there.
pub const DELETION_PROTECTION: &str = "backup-operator.io/deletion-protection";
/// On a Secret with a decryption key: namespaces, separated by commas, whose runs may use it (`*` for all).
pub const ALLOWED_NAMESPACES: &str = "backup-operator.io/allowed-namespaces";
/// On a `BackupRun` made by a schedule or a drill: the tick that it stands for, RFC 3339.
pub const SCHEDULED_AT: &str = "backup-operator.io/scheduled-at";
/// On a `BackupRun` made by a schedule with `whenDeleted: Delete`: `Delete`. The schedule is gone when this is read.
pub const WHEN_DELETED: &str = "backup-operator.io/when-schedule-deleted";

/// On a `BackupRun` made by a drill: the run whose backup it proves.
pub const PICKED: &str = "backup-operator.io/picked";

/// On runs and Pods: the schedule that they come from.
pub const SCHEDULE: &str = "backup-operator.io/schedule";
/// On Pods: the run that they work for.
pub const RUN: &str = "backup-operator.io/run";
/// On Pods: the attempt that they work for, `backup-1`, `restore-2`.
pub const ATTEMPT: &str = "backup-operator.io/attempt";

/// On a run that a drill made, and on its Pod: the drill's name.
pub const DRILL: &str = "backup-operator.io/drill";
/// On a run that a drill made, and on its Pod: `Read` or `Restore`.
pub const DRILL_MODE: &str = "backup-operator.io/drill-mode";

/// On a `BackupRun`: held until its Pod, its upload and, by `retainPolicy`, its object are gone.
pub const FINALIZER: &str = "backup-operator.io/finalizer";
/// What the Go operator holds its objects with; taken off with ours, so that objects that came from it can be deleted.
pub const GO_FINALIZER: &str = "backup-operator.io/v1";
/// The field manager of everything that the operator applies.
pub const FIELD_MANAGER: &str = "backup-operator";

/// Whether a finalizer is the operator's to remove.
pub fn is_our_finalizer(name: &str) -> bool {
    name == FINALIZER || name == GO_FINALIZER
}
