//! Runs: how the cases write them, ask for restores, and wait for their ends.
use api::run::{Restore, State};
use api::{BackupRun, BackupRunStatus, condition, labels};
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::{ListParams, PostParams};
use serde_json::{Value, json};

use crate::admission::{UNADMITTED, answered};
use crate::case::Case;
use crate::cluster::{annotate, object};
use crate::shared::STORAGE;

/// Seconds that a Pod of the tests gets to start: two cores start many of them at once, and one that is late fails its run for good.
pub const START: u32 = 240;

/// A container of the image that holds one static program and no shell.
pub fn static_container() -> Value {
    json!({"name": "stream", "image": "localhost/e2e/static:dev", "command": ["/stream", "wait"]})
}

/// A container of an image with a shell that stays alive.
pub fn sleeping(image: &str) -> Value {
    json!({"name": "main", "image": image, "command": ["sleep", "1d"]})
}

/// A run's spec: `backup` and `restore` are commands, empty where there is none.
pub fn spec(path: &str, container: Value, backup: &[&str], restore: &[&str]) -> Value {
    let mut spec = json!({
        "storage": {"name": STORAGE, "path": path},
        "startDeadlineSeconds": START,
        "template": {"spec": {"containers": [container], "terminationGracePeriodSeconds": 1}},
    });
    for (field, command) in [("backup", backup), ("restore", restore)] {
        if !command.is_empty() {
            spec[field] = json!({"command": command});
        }
    }
    spec
}

/// A run of the static program: what `/stream <backup>` prints, restored into `/stream sum`.
pub fn stream(path: &str, backup: &str) -> Value {
    let mut command = vec!["/stream"];
    command.extend(backup.split(' '));
    spec(path, static_container(), &command, &["/stream", "sum"])
}

/// The status, empty where there is none yet.
pub fn status(run: &BackupRun) -> BackupRunStatus {
    run.status.clone().unwrap_or_default()
}

/// Whether a condition is True.
pub fn is(run: &BackupRun, type_: &str) -> bool {
    condition::is_true(&status(run).conditions, type_)
}

/// The reason of a condition.
pub fn reason(run: &BackupRun, type_: &str) -> String {
    condition::find(&status(run).conditions, type_)
        .map(|c| c.reason.clone())
        .unwrap_or_default()
}

/// The status' message.
pub fn message(run: &BackupRun) -> String {
    status(run).message.unwrap_or_default()
}

/// How a backup (or a first restore) ended, in the words of the fault matrix.
pub fn end_of(run: &BackupRun) -> String {
    if is(run, condition::SUCCESSFUL) {
        "succeeds".into()
    } else {
        format!("fails: {}", reason(run, condition::FAILED))
    }
}

/// How the last restore ended.
pub fn restore_end_of(run: &BackupRun) -> String {
    if is(run, condition::RESTORED) {
        "restores".into()
    } else {
        format!("restore fails: {}", reason(run, condition::RESTORED))
    }
}

/// A run, in one line for whoever waited for another one in vain: what tells most first, as the end of a long line is often cut.
fn as_last_seen(run: Result<&BackupRun, &kube::Error>) -> String {
    match run {
        Ok(run) => {
            let deleted = run.metadata.deletion_timestamp.as_ref();
            let all = status(run);
            let text = serde_json::to_string(&all).unwrap_or_default();
            format!(
                "last seen with state {:?}, message {:?}, deletionTimestamp {deleted:?}, transfer {}, and of status {text}",
                all.state,
                all.message,
                serde_json::to_string(&all.transfer).unwrap_or_default()
            )
        }
        Err(error) => format!("last asked for: {error}"),
    }
}

impl Case {
    /// Creates a run.
    pub async fn start(&self, name: &str, spec: Value) -> BackupRun {
        self.create(json!({"name": name}), spec).await
    }

    /// Creates a run that the webhook does not see: it came in while that was away.
    pub async fn start_unadmitted(&self, name: &str, spec: Value) -> BackupRun {
        self.create(json!({"name": name, "labels": {UNADMITTED: "true"}}), spec)
            .await
    }

    /// The words in which the API server, or the webhook through it, refuses a run.
    pub async fn refused(&self, name: &str, spec: &Value) -> String {
        let json = json!({"apiVersion": "backup-operator.io/v1", "kind": "BackupRun", "metadata": {"name": name}, "spec": spec});
        let (runs, parameters, run) = (self.runs(), PostParams::default(), object::<BackupRun>(json));
        match answered(|| runs.create(&parameters, &run)).await {
            Err(kube::Error::Api(status)) => status.message.clone(),
            other => panic!("run {name} is not refused: {other:?}"),
        }
    }

    async fn create(&self, metadata: Value, spec: Value) -> BackupRun {
        let run: BackupRun = object(json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupRun", "metadata": metadata, "spec": spec
        }));
        let (runs, parameters) = (self.runs(), PostParams::default());
        answered(|| runs.create(&parameters, &run))
            .await
            .unwrap_or_else(|e| panic!("create run {metadata}: {e}"))
    }

    /// Waits for something about a run, however short it is, and at least as long as its Pod may take to start; the panic after the
    /// deadline tells how it was seen last.
    pub async fn until<T>(&self, name: &str, what: &str, seconds: u64, seen: impl Fn(&BackupRun) -> Option<T>) -> T {
        let (mut last, seconds) = (String::new(), seconds.max(START.into()));
        let look = |run: Result<&BackupRun, &kube::Error>| {
            last = as_last_seen(run);
            run.ok().and_then(&seen)
        };
        let found = self.watch(&self.runs(), name, seconds, look).await;
        found.unwrap_or_else(|| panic!("waited {seconds} s in vain: run {name} {what}; {last}"))
    }

    /// Waits until the backup (or the first restore) has ended, well or not, and was cleaned up after.
    pub async fn ended(&self, name: &str, seconds: u64) -> BackupRun {
        self.until(name, "ends", seconds, |run| {
            let over = is(run, condition::SUCCESSFUL) || is(run, condition::FAILED);
            (over && status(run).transfer.is_none()).then(|| run.clone())
        })
        .await
    }

    /// Waits for a good end.
    pub async fn succeeded(&self, name: &str, seconds: u64) -> BackupRun {
        let run = self.ended(name, seconds).await;
        self.end(name, "succeeds", end_of(&run));
        assert!(
            is(&run, condition::SUCCESSFUL) && is(&run, condition::READY),
            "run {name}: {}",
            message(&run)
        );
        run
    }

    /// Waits for a bad end, for that reason.
    pub async fn failed(&self, name: &str, because: &str, seconds: u64) -> BackupRun {
        let run = self.ended(name, seconds).await;
        self.end(name, format!("fails: {because}"), end_of(&run));
        let seen = (
            is(&run, condition::SUCCESSFUL),
            is(&run, condition::FAILED),
            reason(&run, condition::FAILED),
        );
        assert_eq!(
            seen,
            (false, true, because.to_string()),
            "run {name}: {}",
            message(&run)
        );
        // A run that only restores can do so again.
        let restorable = run.spec.backup.is_some() && is(&run, condition::RESTORABLE);
        assert!(!is(&run, condition::READY) && !is(&run, condition::IN_PROGRESS) && !restorable);
        run
    }

    /// Makes a run and waits for its good end.
    pub async fn backup(&self, name: &str, spec: Value) -> BackupRun {
        self.start(name, spec).await;
        self.succeeded(name, 120).await
    }

    /// A backup into another storage than the shared one, and its restore, both whole; with `retainPolicy: Delete`.
    pub async fn there_and_back(&self, storage: &str, name: &str, size: usize) {
        let mut spec = stream(&format!("/{name}"), &format!("random {size}"));
        (spec["storage"]["name"], spec["retainPolicy"]) = (json!(storage), json!("Delete"));
        self.start(name, spec).await;
        let plain = crate::bytes::random(size, 1);
        let ended = status(&self.succeeded(name, 150).await);
        assert_eq!(ended.sha256, Some(crate::bytes::sha256(&plain)), "{name}");
        let restored = status(&self.restore(name).await);
        assert_eq!(
            restored.log.unwrap_or_default().trim(),
            crate::bytes::sum_line(&plain),
            "{name}"
        );
    }

    /// Begins a backup of `bytes` known bytes that its command takes `seconds` for, and waits until it has an upload. The
    /// object is kept.
    pub async fn begin_slow(&self, name: &str, bytes: usize, seconds: u32) {
        self.keeps(name);
        self.start(
            name,
            stream(&self.path(name), &format!("slow random {bytes} {seconds}")),
        )
        .await;
        self.until(name, "has an upload", 100, |run| status(run).transfer?.upload_id)
            .await;
    }

    /// Waits until it has ended well, and holds what is stored against what the command printed: once, whole.
    pub async fn ended_whole(&self, name: &str, bytes: usize, seconds: u64) {
        let said = status(&self.succeeded(name, seconds).await);
        assert_eq!((said.bytes, said.attempts), (Some(bytes as u64), Some(1)), "{name}");
        let known = crate::bytes::sha256(&crate::bytes::random(bytes, 1));
        let stored = self.store().sha256(&self.key(name));
        assert_eq!((said.sha256, stored), (Some(known.clone()), known), "{name}");
    }

    /// What the Events about an object of the case say: reason and note.
    pub async fn events(&self, about: &str) -> Vec<String> {
        let events: Api<Event> = self.api();
        let all = events.list(&ListParams::default()).await.expect("the Events").items;
        let said = |e: &Event| e.regarding.as_ref().and_then(|r| r.name.as_deref()) == Some(about);
        let words = |e: Event| format!("{}: {}", e.reason.unwrap_or_default(), e.note.unwrap_or_default());
        all.into_iter().filter(said).map(words).collect()
    }

    /// Asks for a restore.
    pub async fn ask_restore(&self, name: &str) {
        annotate(&self.runs(), name, labels::RESTORE, Some("now")).await;
    }

    /// Asks for a restore, and waits for the Event that refuses it in these words. An operator that is killed just then has taken the request, and
    /// said nothing of it: it is asked again.
    pub async fn restore_refused(&self, name: &str, wanted: impl Fn(&str) -> bool) -> String {
        for request in ["now", "again", "at last"] {
            annotate(&self.runs(), name, labels::RESTORE, Some(request)).await;
            let refused = self.poll(30, || async {
                let said = self.events(name).await;
                said.into_iter().find(|e| wanted(e))
            });
            if let Some(refused) = refused.await {
                return refused;
            }
        }
        panic!("the restore of {name} is not refused: {:?}", self.events(name).await);
    }

    /// Waits for the end of that restore; the annotation is taken away.
    pub async fn restore_ended(&self, name: &str, number: u32, seconds: u64) -> (BackupRun, Restore) {
        self.until(
            name,
            &format!("ends restore {number}"),
            seconds.max(START.into()),
            |run| {
                let restore = status(run).restores.into_iter().find(|r| r.number == number)?;
                let asked = run
                    .metadata
                    .annotations
                    .as_ref()
                    .is_some_and(|a| a.contains_key(labels::RESTORE));
                (status(run).transfer.is_none() && !asked).then(|| (run.clone(), restore))
            },
        )
        .await
    }

    /// Restores once more and expects it to end well.
    pub async fn restore(&self, name: &str) -> BackupRun {
        let done = status(&self.runs().get(name).await.expect("the run"))
            .restores
            .last()
            .map_or(0, |r| r.number);
        self.ask_restore(name).await;
        let (run, restore) = self.restore_ended(name, done + 1, 120).await;
        self.end(name, "restores", restore_end_of(&run));
        assert!(
            restore.successful && is(&run, condition::RESTORED),
            "restore of {name}: {:?}",
            restore.message
        );
        assert_eq!(status(&run).state, Some(State::RestoreSuccessful));
        let annotated = self.until(name, "is annotated restored-at", 30, |run| {
            run.metadata.annotations.as_ref()?.get(labels::RESTORED_AT).cloned()
        });
        annotated.await;
        run
    }

    /// Restores once more and expects it to fail for that reason; what is known of a backup stays.
    pub async fn restore_fails(&self, name: &str, because: &str, seconds: u64) -> BackupRun {
        let before = self.runs().get(name).await.expect("the run");
        let done = status(&before).restores.last().map_or(0, |r| r.number);
        self.ask_restore(name).await;
        let (run, restore) = self.restore_ended(name, done + 1, seconds).await;
        self.end(name, format!("restore fails: {because}"), restore_end_of(&run));
        assert!(!restore.successful, "the restore of {name} shall not succeed");
        assert_eq!(
            reason(&run, condition::RESTORED),
            because,
            "restore of {name}: {:?}",
            restore.message
        );
        assert_eq!(status(&run).state, Some(State::RestoreFailed));
        let of_backup = |r: &BackupRun| (is(r, condition::SUCCESSFUL), is(r, condition::FAILED), status(r).sha256);
        assert!(
            run.spec.backup.is_none() || of_backup(&run) == of_backup(&before),
            "a failed restore changes nothing that is known of the backup"
        );
        run
    }
}
