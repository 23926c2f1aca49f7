//! What is served is what the table has, and goes with its object.
use std::collections::{BTreeMap, BTreeSet};

use api::{BackupRun, BackupSchedule, BackupStorage};
use kube::ResourceExt;
use metrics::scrape::write;
use metrics::text::Format;
use metrics::{Kind, METRICS, Metric};
use planner::run::End;
use serde_json::{Value, json};

use super::scrape::Scrape;
use super::*;

const NOW: &str = "2026-01-05T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn schedule(name: &str, more: Value) -> BackupSchedule {
    let mut spec =
        json!({"schedule": "0 2 * * *", "jitterSeconds": 60, "template": {"spec": testing::backup_run().spec}});
    let mut status = json!({
        "conditions": [
            said("Ready", "True", "2026-01-01T00:00:00Z"),
            said("Suspended", "False", "2026-01-03T00:00:00Z"),
        ],
        "inProgress": 1,
        "consecutiveFailures": 2,
        "lastSuccessfulTime": "2026-01-05T02:10:00Z",
        "nextScheduleTime": "2026-01-06T02:00:00Z",
        "lastVerifiedTime": "2026-01-04T00:00:00Z",
        "lastBackup": {"run": "r", "startTime": "2026-01-05T02:00:00Z", "completionTime": "2026-01-05T02:10:00Z", "bytes": 100, "storedBytes": 40},
        "recentBytes": [90, 95, 110, 100],
    });
    for (field, value) in more.as_object().unwrap() {
        let of = if field == "suspend" || field == "template" {
            &mut spec
        } else {
            &mut status
        };
        of[field] = value.clone();
    }
    serde_json::from_value(json!({
        "apiVersion": "backup-operator.io/v1", "kind": "BackupSchedule",
        "metadata": {"name": name, "namespace": "team", "uid": name, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": spec, "status": status,
    }))
    .unwrap()
}

fn said(type_: &str, status: &str, at: &str) -> Value {
    json!({"type": type_, "status": status, "reason": "x", "message": "", "lastTransitionTime": at})
}

fn drill(name: &str, more: Value) -> api::BackupDrill {
    let mut spec = json!({"schedule": "0 3 * * 0", "source": {"schedule": "shop"}});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(json!({
        "apiVersion": "backup-operator.io/v1", "kind": "BackupDrill", "spec": spec,
        "metadata": {"name": name, "namespace": "team", "uid": name, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "status": {
            "conditions": [said("Ready", "True", NOW), said("Failed", "True", NOW), said("Suspended", "False", "2026-01-02T00:00:00Z")],
            "lastSuccessfulTime": "2026-01-03T03:00:00Z", "lastStartTime": "2026-01-04T03:00:00Z", "lastCompletionTime": "2026-01-04T03:01:30Z",
        },
    }))
    .unwrap()
}

fn storage(uid: &str) -> BackupStorage {
    serde_json::from_value(json!({
        "apiVersion": "backup-operator.io/v1", "kind": "BackupStorage",
        "metadata": {"name": "store", "uid": uid, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"type": "s3"},
        "status": {"conditions": [said("Ready", "True", NOW)], "runs": 3, "schedules": 1, "sizeInBytes": 77, "lastProbeTime": NOW},
    }))
    .unwrap()
}

fn run(uid: &str, status: Value) -> BackupRun {
    let mut run = testing::backup_run();
    (run.metadata.name, run.metadata.uid, run.metadata.namespace) =
        (Some(uid.into()), Some(uid.into()), Some("team".into()));
    run.status = serde_json::from_value(status).unwrap();
    run
}

/// Where everything that is measured has happened once.
fn busy() -> Arc<Metrics> {
    let metrics = Arc::new(Metrics::default());
    metrics.leads();
    metrics.schedules.seen(&schedule("nightly", json!({})), now());
    metrics.storages.seen(&storage("s"), now());
    metrics.drills.seen(&drill("weekly", json!({})), now());
    let transfer = json!({"attempt": "backup-1", "startedAt": "2026-01-05T11:00:00Z", "route": "Direct"});
    let going = json!({"conditions": [said("InProgress", "True", "2026-01-05T10:00:00Z")], "transfer": transfer});
    let going = run("going", going);
    metrics.runs.seen(&going);
    let t = "2026-01-05T00:00:00Z";
    let restored = json!([{"number": 1, "startTime": t, "completionTime": t, "successful": false, "bytes": 1}]);
    metrics.runs.seen(&run("restored", json!({"restores": restored})));
    metrics
        .runs
        .seen(&run("queued", json!({"queued": {"since": t, "place": 1, "of": 1}})));
    let mut uncopied = run(
        "uncopied",
        json!({"conditions": [said("Successful", "True", t), said("Copied", "False", t)]}),
    );
    uncopied
        .labels_mut()
        .insert(api::labels::SCHEDULE.into(), "copied".into());
    metrics.runs.seen(&uncopied);
    let mut locked = run("locked", json!({"lock": {"legalHold": true}}));
    locked.spec.retain_policy = Some(api::run::RetainPolicy::Delete);
    locked.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now()));
    metrics.runs.seen(&locked);
    let registry = Registry::new(futures::channel::mpsc::unbounded().0);
    metrics.follow(&registry);
    for (uid, attempt) in [("done", "backup-1"), ("read", "restore-1")] {
        let handle = registry
            .open(&run(uid, json!({})), uid, attempt, Instant::now())
            .unwrap();
        handle.progress(10, 5);
        handle.end(End::Interrupted { message: "x".into() });
    }
    registry.traffic.retry();
    metrics
        .runs_ended
        .add(["team", "store", "Backup", "BackupSuccessful"], 1);
    metrics.rewraps_ended.add(["team", "store", "RewrapFailed"], 1);
    let failed = json!([{"type": "Rewrapped", "status": "False", "reason": "RewrapFailed", "message": "", "lastTransitionTime": t}]);
    metrics.runs.seen(&run("rewrap", json!({"conditions": failed})));
    metrics.api_requests.add(["GET", "200"], 1);
    metrics.answered("BackupRun", "Allowed", Duration::from_millis(3));
    metrics.notifications.delivered("webhook");
    metrics.passed("BackupRun", Duration::from_millis(3));
    metrics.failed("BackupRun");
    metrics.waiting("BackupRun", 3);
    metrics.cached("Pod", 4);
    metrics.certificate_ends(now());
    metrics
}

fn text(metrics: &Arc<Metrics>, format: Format) -> String {
    String::from_utf8(write(Scrape::take(metrics, now()), format, false, Vec::new()).unwrap()).unwrap()
}

/// Each series of a text: its name, its labels, its number.
fn series(text: &str) -> Vec<(String, BTreeMap<String, String>, f64)> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let one = |line: &str| {
        let (series, number) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let labels = labels
            .trim_end_matches('}')
            .split(',')
            .filter_map(|label| label.split_once('='));
        let labels = labels.map(|(name, value)| (name.to_string(), value.trim_matches('"').to_string()));
        (name.to_string(), labels.collect(), number.parse().unwrap())
    };
    lines.map(one).collect()
}

/// The metric of a series.
fn of(name: &str) -> &'static Metric {
    let is = |m: &&Metric| match m.kind {
        Kind::Histogram => ["_sum", "_count", "_bucket"]
            .iter()
            .any(|end| name.strip_suffix(end) == Some(m.name)),
        Kind::Gauge | Kind::Counter => m.name == name,
    };
    METRICS
        .iter()
        .find(is)
        .unwrap_or_else(|| panic!("{name} is not in the table"))
}

#[test]
fn every_metric_of_the_table_is_served_with_its_labels_and_no_other_is() {
    for format in [Format::OpenMetrics, Format::Prometheus] {
        let text = text(&busy(), format);
        let mut served = BTreeSet::new();
        for (name, labels, _) in series(&text) {
            let metric = of(&name);
            let names: BTreeSet<_> = labels.keys().map(String::as_str).filter(|l| *l != "le").collect();
            assert_eq!(names, metric.labels.iter().copied().collect(), "{name}");
            served.insert(metric.name);
        }
        let missing: Vec<_> = METRICS.iter().map(|m| m.name).filter(|m| !served.contains(m)).collect();
        assert!(missing.is_empty(), "nothing is served as {missing:?}");
        for metric in METRICS {
            let name = if format == Format::OpenMetrics {
                metric.family()
            } else {
                metric.name
            };
            let help = format!("# HELP {name} {}\n", metric.help);
            assert_eq!(text.matches(&help).count(), 1, "{help}");
        }
        assert_eq!(text.ends_with("# EOF\n"), format == Format::OpenMetrics);
    }
}

#[test]
fn a_schedule_tells_what_its_status_does() {
    let all = series(&text(&busy(), Format::OpenMetrics));
    let seen = |name: &str| {
        let name = format!("backup_operator_schedule_{name}");
        let found: Vec<_> = all
            .iter()
            .filter(|(n, ..)| *n == name)
            .map(|(.., number)| *number)
            .collect();
        assert_eq!(found.len(), 1, "{name}");
        found[0]
    };
    let at = |text: &str| text.parse::<Timestamp>().unwrap().as_second() as f64;
    for (name, wanted) in [
        ("created_timestamp_seconds", at("2026-01-01T00:00:00Z")),
        ("active_since_timestamp_seconds", at("2026-01-03T00:00:00Z")),
        ("last_success_timestamp_seconds", at("2026-01-05T02:10:00Z")),
        ("last_duration_seconds", 600.0),
        ("last_bytes", 100.0),
        ("last_stored_bytes", 40.0),
        ("usual_bytes", 95.0),
        ("next_timestamp_seconds", at("2026-01-06T02:00:00Z")),
        ("expected_interval_seconds", 86_400.0),
        ("jitter_seconds", 60.0),
        ("suspended", 0.0),
        ("ready", 1.0),
        ("starving", 0.0),
        ("in_progress", 1.0),
        ("consecutive_failures", 2.0),
        ("last_verified_timestamp_seconds", at("2026-01-04T00:00:00Z")),
    ] {
        assert_eq!(seen(name), wanted, "{name}");
    }
}

#[test]
fn what_is_suspended_has_no_next_tick_and_is_active_since_nothing() {
    let metrics = busy();
    metrics
        .schedules
        .seen(&schedule("nightly", json!({"suspend": true})), now());
    let text = text(&metrics, Format::OpenMetrics);
    assert!(!text.contains("\nbackup_operator_schedule_next_timestamp_seconds{"));
    assert!(!text.contains("\nbackup_operator_schedule_active_since_timestamp_seconds{"));
    assert!(text.contains("\nbackup_operator_schedule_suspended{namespace=\"team\",schedule=\"nightly\"} 1\n"));
}

#[test]
fn series_go_with_their_object_and_stay_with_one_that_was_made_anew_under_its_name() {
    let metrics = busy();
    let mut anew = schedule("nightly", json!({}));
    anew.metadata.uid = Some("anew".into());
    metrics.schedules.seen(&anew, now());
    metrics.schedules.gone(&schedule("nightly", json!({})));
    metrics.storages.seen(&storage("anew"), now());
    metrics.storages.gone(&storage("s"));
    let mentions = |what: &str| text(&metrics, Format::OpenMetrics).contains(what);
    assert!(mentions("schedule=\"nightly\"") && mentions("{storage=\"store\"}"));
    metrics.schedules.gone(&anew);
    metrics.storages.gone(&storage("anew"));
    assert!(!mentions("nightly") && !mentions("{storage=\"store\"}"));
    for uid in ["going", "restored", "queued", "uncopied", "locked"] {
        metrics.runs.gone(&run(uid, json!({})));
    }
    assert!(!mentions("run_oldest_progress_timestamp_seconds{") && !mentions("last_restore_failed{"));
    assert!(!mentions("copies_missing_since_timestamp_seconds{") && !mentions("deletions_locked{"));
    assert!(mentions("\nbackup_operator_runs_queued 0\n"));
}

#[test]
fn who_stands_by_speaks_of_no_runs() {
    let text = text(&Arc::new(Metrics::default()), Format::OpenMetrics);
    assert!(text.contains("\nbackup_operator_leader 0\n"));
    for name in [
        "runs_queued",
        "runs_under_way",
        "restores_thawing",
        "transfers_in_progress",
    ] {
        assert!(!text.contains(&format!("\nbackup_operator_{name}")), "{name}");
    }
}

#[test]
fn a_name_that_a_template_makes_up_breaks_no_line() {
    let metrics = Arc::new(Metrics::default());
    let mut spec = testing::backup_run().spec;
    spec.storage.name = format!("a\"}} 1\nfake 1\\{}", "ü".repeat(300));
    metrics
        .schedules
        .seen(&schedule("nightly", json!({"template": {"spec": spec}})), now());
    let text = text(&metrics, Format::OpenMetrics);
    assert!(
        !text.contains("\nfake") && text.contains("storage=\"a\\\"} 1\\nfake 1\\\\ü"),
        "{text}"
    );
    assert!(text.lines().all(|line| line.len() < 700));
}

#[test]
fn the_kind_that_a_stranger_names_is_no_label() {
    let metrics = Metrics::default();
    for n in 0..10 {
        metrics.answered(&format!("Kind{n}"), "Failed", Duration::ZERO);
    }
    assert_eq!(metrics.webhook_answers.all(), [(["Other".into(), "Failed".into()], 10)]);
}

/// What ten thousand schedules cost, printed for who asks (`--nocapture`).
#[test]
fn ten_thousand_schedules_are_served_in_chunks() {
    let resident = || super::process::Process::look().resident.unwrap() / 1e6;
    let metrics = Arc::new(Metrics::default());
    let mut one = schedule("s", json!({}));
    // What the first one brings, as zones, is there once for all.
    metrics.schedules.seen(&one, now());
    let before = resident();
    for n in 0..10_000 {
        one.metadata.name = Some(format!("schedule-of-a-team-{n}"));
        one.metadata.uid = Some(format!("00000000-0000-4000-8000-{n:012}"));
        one.metadata.namespace = Some(format!("namespace-of-a-team-{}", n % 100));
        metrics.schedules.seen(&one, now());
    }
    let records = resident();
    let began = Instant::now();
    let scrape = Scrape::take(&metrics, now());
    let Largest { chunk, bytes } = write(scrape, Format::OpenMetrics, false, Largest::default()).unwrap();
    println!(
        "10,000 schedules: {bytes} bytes in {:?}; records {:.1} MB, the scrape {:.1} MB more",
        began.elapsed(),
        records - before,
        resident() - records
    );
    assert!(
        bytes > 10_000_000 && chunk < 70_000,
        "{bytes} bytes, of which {chunk} at once"
    );
}

/// How much was written, and how much of it at once.
#[derive(Default)]
struct Largest {
    chunk: usize,
    bytes: usize,
}

impl std::io::Write for Largest {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.chunk = self.chunk.max(bytes.len());
        self.bytes += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_drill_says_when_it_was_last_good_and_goes_with_its_object() {
    let metrics = busy();
    let of_drills = |metrics: &Arc<Metrics>| {
        let all = series(&text(metrics, Format::Prometheus)).into_iter();
        let all = all.filter_map(|(name, labels, number)| {
            Some((name.strip_prefix("backup_operator_drill_")?.to_string(), labels, number))
        });
        all.collect::<Vec<_>>()
    };
    let all = of_drills(&metrics);
    let number = |name: &str| all.iter().find(|(n, ..)| n == name).map(|(.., number)| *number);
    let at = |text: &str| text.parse::<Timestamp>().unwrap().as_second() as f64;
    assert_eq!(
        number("last_success_timestamp_seconds"),
        Some(at("2026-01-03T03:00:00Z"))
    );
    assert_eq!(
        number("active_since_timestamp_seconds"),
        Some(at("2026-01-02T00:00:00Z"))
    );
    assert_eq!(
        (number("last_duration_seconds"), number("last_failed")),
        (Some(90.0), Some(1.0))
    );
    assert_eq!(number("expected_interval_seconds"), Some(7.0 * 86_400.0));
    assert_eq!(
        (all[0].1["drill"].as_str(), all[0].1["schedule"].as_str()),
        ("weekly", "shop")
    );
    metrics.drills.seen(&drill("weekly", json!({"suspend": true})), now());
    let suspended = of_drills(&metrics);
    assert!(!suspended.iter().any(|(name, ..)| name.starts_with("active_since")));
    metrics.drills.gone(&drill("weekly", json!({})));
    assert!(of_drills(&metrics).is_empty());
}
