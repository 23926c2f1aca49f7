//! One scrape: what is served of each metric of the table, and nothing else. What is held under a lock is copied first: a scraper that reads
//! slowly holds nobody up.
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use api::names::Action;
use jiff::Timestamp;
use metrics::Metric;
use metrics::scrape::{Series, Source};
use planner::run::Route;

use super::drills::Drill;
use super::process::Process;
use super::runs::{OfSchedule, label};
use super::schedules::{Schedule, seconds};
use super::storages::Storage;
use super::{Metrics, counters::Counters};
use crate::transfer::registry::Moving;
use crate::transfer::traffic::Traffic;

/// What one scrape says.
pub struct Scrape {
    metrics: Arc<Metrics>,
    leads: bool,
    schedules: Vec<Arc<Schedule>>,
    drills: Vec<Arc<Drill>>,
    storages: Vec<Storage>,
    /// How many are under way.
    backups: usize,
    restores: usize,
    /// By namespace.
    oldest: BTreeMap<String, Timestamp>,
    uncopied: BTreeMap<OfSchedule, Timestamp>,
    held: BTreeMap<String, usize>,
    direct: usize,
    relayed: usize,
    process: Process,
}

impl Scrape {
    /// Of now.
    pub fn take(metrics: &Arc<Metrics>, now: Timestamp) -> Self {
        let schedules = metrics.schedules.all();
        let moving = metrics.registry.get().map(|r| r.moving()).unwrap_or_default();
        let under_way = metrics.runs.under_way();
        let mut oldest = BTreeMap::new();
        for (uid, run) in &under_way {
            let moved = moving.get(uid).map(|m| m.moved(now));
            let at = moved.map_or(run.step, |moved| moved.max(run.step));
            let least = oldest.entry(run.namespace.clone()).or_insert(at);
            *least = at.min(*least);
        }
        let of = |action| under_way.values().filter(|r| r.action == action).count();
        let by = |route| moving.values().filter(|m: &&Moving| m.route == Some(route)).count();
        forget_namespaces(metrics, &schedules);
        Self {
            backups: of(Action::Backup),
            restores: of(Action::Restore),
            direct: by(Route::Direct),
            relayed: by(Route::Relay),
            oldest,
            uncopied: metrics.runs.uncopied(),
            held: metrics.runs.held(now),
            schedules,
            drills: metrics.drills.all(),
            storages: metrics.storages.all(),
            leads: metrics.leads.load(Ordering::Relaxed),
            process: Process::look(),
            metrics: metrics.clone(),
        }
    }

    fn schedules(&self, out: &mut Series<'_, '_>, of: impl Fn(&Schedule) -> Option<f64>) -> fmt::Result {
        for schedule in &self.schedules {
            if let Some(number) = of(schedule) {
                out.put_of(&schedule.labels, number)?;
            }
        }
        Ok(())
    }

    fn drills(&self, out: &mut Series<'_, '_>, of: impl Fn(&Drill) -> Option<f64>) -> fmt::Result {
        for drill in &self.drills {
            if let Some(number) = of(drill) {
                out.put(&[&drill.namespace, &drill.name, &drill.schedule], number)?;
            }
        }
        Ok(())
    }

    fn storages(&self, out: &mut Series<'_, '_>, of: impl Fn(&Storage) -> Option<f64>) -> fmt::Result {
        for storage in &self.storages {
            if let Some(number) = of(storage) {
                out.put(&[&storage.name], number)?;
            }
        }
        Ok(())
    }

    fn traffic(&self) -> Option<&Traffic> {
        Some(&self.metrics.registry.get()?.traffic)
    }

    /// The series of one metric. None: nobody has said how it is filled.
    fn series(&self, metric: &Metric, out: &mut Series<'_, '_>) -> Option<fmt::Result> {
        let all = &self.metrics;
        let name = metric.name.strip_prefix("backup_operator_").unwrap_or(metric.name);
        Some(match name {
            "schedule_status" => self.schedules.iter().try_for_each(|s| {
                let (namespace, name) = s.names();
                out.put(&[namespace, name, &s.storage], s.created)
            }),
            "schedule_created_timestamp_seconds" => self.schedules(out, |s| Some(s.created)),
            "schedule_active_since_timestamp_seconds" => self.schedules(out, |s| s.active_since),
            "schedule_last_success_timestamp_seconds" => self.schedules(out, |s| s.last_success),
            "schedule_last_duration_seconds" => self.schedules(out, |s| s.duration),
            "schedule_last_bytes" => self.schedules(out, |s| s.bytes),
            "schedule_last_stored_bytes" => self.schedules(out, |s| s.stored),
            "schedule_usual_bytes" => self.schedules(out, |s| s.usual),
            "schedule_next_timestamp_seconds" => self.schedules(out, |s| s.next),
            "schedule_expected_interval_seconds" => self.schedules(out, |s| s.interval),
            "schedule_jitter_seconds" => self.schedules(out, |s| Some(s.jitter.into())),
            "schedule_suspended" => self.schedules(out, |s| Some(flag(s.suspended))),
            "schedule_ready" => self.schedules(out, |s| s.ready.map(flag)),
            "schedule_starving" => self.schedules(out, |s| Some(flag(s.starving))),
            "schedule_in_progress" => self.schedules(out, |s| Some(s.in_progress.into())),
            "schedule_consecutive_failures" => self.schedules(out, |s| Some(s.failures.into())),
            "schedule_last_verified_timestamp_seconds" => self.schedules(out, |s| s.verified),
            "schedule_copies_missing_since_timestamp_seconds" => self
                .uncopied
                .iter()
                .try_for_each(|((namespace, name), since)| out.put(&[namespace, name], seconds(*since))),
            "drill_active_since_timestamp_seconds" => self.drills(out, |d| d.active_since),
            "drill_last_success_timestamp_seconds" => self.drills(out, |d| d.last_success),
            "drill_last_duration_seconds" => self.drills(out, |d| d.duration),
            "drill_last_failed" => self.drills(out, |d| d.failed.map(flag)),
            "drill_expected_interval_seconds" => self.drills(out, |d| d.interval),
            "drill_ready" => self.drills(out, |d| d.ready.map(flag)),
            "drill_suspended" => self.drills(out, |d| Some(flag(d.suspended))),
            "runs_ended_total" => counters(out, &all.runs_ended),
            "runs_queued" => self.led(out, &[], all.runs.queued()),
            "runs_under_way" => self
                .led(out, &["Backup"], self.backups)
                .and_then(|()| self.led(out, &["Restore"], self.restores)),
            "run_oldest_progress_timestamp_seconds" => self
                .oldest
                .iter()
                .try_for_each(|(namespace, at)| out.put(&[namespace], seconds(*at))),
            "restores_thawing" => self.led(out, &[], all.runs.thawing()),
            "deletions_locked" => self
                .held
                .iter()
                .try_for_each(|(namespace, number)| out.put(&[namespace], *number as f64)),
            "rewraps_ended_total" => counters(out, &all.rewraps_ended),
            "rewraps_not_done" => {
                let all = all.runs.not_rewrapped();
                all.iter()
                    .try_for_each(|((namespace, reason), number)| out.put(&[namespace, reason], *number as f64))
            }
            "last_restore_failed" => {
                let all = all.runs.last_restore_failed();
                all.iter()
                    .try_for_each(|(namespace, failed)| out.put(&[namespace], flag(*failed)))
            }
            "transfers_in_progress" => self
                .led(out, &[Route::Direct.word()], self.direct)
                .and_then(|()| self.led(out, &[Route::Relay.word()], self.relayed)),
            "command_bytes_total" => self.traffic().map_or(Ok(()), |t| counters(out, &t.command)),
            "stored_bytes_total" => self.traffic().map_or(Ok(()), |t| counters(out, &t.stored)),
            "restored_bytes_total" => self.traffic().map_or(Ok(()), |t| counters(out, &t.restored)),
            "relayed_bytes_total" => self.traffic().map_or(Ok(()), |t| out.put(&[], t.relayed() as f64)),
            "parts_retried_total" => self.traffic().map_or(Ok(()), |t| out.put(&[], t.retried() as f64)),
            "storage_status" => self
                .storages
                .iter()
                .try_for_each(|s| out.put(&[&s.name, &s.type_], s.created)),
            "storage_ready" => self.storages(out, |s| s.ready.map(flag)),
            "storage_last_probe_timestamp_seconds" => self.storages(out, |s| s.probed),
            "storage_size_bytes" => self.storages(out, |s| Some(s.size)),
            "storage_runs" => self.storages(out, |s| Some(s.runs.into())),
            "storage_schedules" => self.storages(out, |s| Some(s.schedules.into())),
            "leader" => out.put(&[], flag(self.leads)),
            "uptime_seconds" => out.put(&[], all.began.elapsed().as_secs_f64()),
            "build_info" => out.put(&[env!("CARGO_PKG_VERSION")], 1.0),
            "reconcile_duration_seconds" => out.whole(&all.passes),
            "reconcile_errors_total" => counters(out, &all.reconcile_errors),
            "reconcile_waiting" => out.levels(&all.waiting.all()),
            "cache_objects" => out.levels(&all.cached.all()),
            "api_requests_total" => counters(out, &all.api_requests),
            "webhook_answers_total" => counters(out, &all.webhook_answers),
            "webhook_duration_seconds" => out.whole(&all.answers),
            "webhook_certificate_expiry_timestamp_seconds" => match all.certificate_ends.load(Ordering::Relaxed) {
                0 => Ok(()),
                at => out.put(&[], at as f64),
            },
            "notifications_total" => {
                let mut each = all.notifications.each();
                each.try_for_each(|(channel, result, number)| out.put(&[channel, result], number as f64))
            }
            "process_resident_memory_bytes" => out.put_if(self.process.resident),
            "process_cpu_seconds_total" => out.put_if(self.process.cpu),
            "process_open_fds" => out.put_if(self.process.files),
            "process_start_time_seconds" => out.put(&[], seconds(all.began_at)),
            _ => return None,
        })
    }

    /// Who does not lead knows of no run, and does not say that there were none.
    fn led(&self, out: &mut Series<'_, '_>, labels: &[&str], number: usize) -> fmt::Result {
        if self.leads {
            out.put(labels, number as f64)
        } else {
            Ok(())
        }
    }
}

impl Source for Scrape {
    fn fill(&self, metric: &Metric, out: &mut Series<'_, '_>) -> fmt::Result {
        self.series(metric, out).unwrap_or(Ok(()))
    }
}

/// Namespaces come and go.
fn forget_namespaces(metrics: &Metrics, schedules: &[Arc<Schedule>]) {
    let there: BTreeSet<_> = schedules.iter().map(|s| s.names().0).collect();
    let now = Instant::now();
    metrics.runs_ended.keep(&there, now);
    metrics.rewraps_ended.keep(&there, now);
    if let Some(registry) = metrics.registry.get() {
        registry.traffic.keep(&there, now);
    }
}

fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}

fn counters<const N: usize>(out: &mut Series<'_, '_>, counters: &Counters<N>) -> fmt::Result {
    for (labels, number) in counters.all() {
        let labels = labels.each_ref().map(AsRef::as_ref);
        out.put(&labels, number as f64)?;
    }
    Ok(())
}

/// The label of an action, for who counts.
pub fn action(action: Action) -> &'static str {
    label(action)
}
