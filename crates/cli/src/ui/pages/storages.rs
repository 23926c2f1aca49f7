//! The storages, and how much of each namespace is in them.
use std::collections::BTreeMap;

use api::{BackupRun, BackupStorage, condition};
use jiff::Timestamp;
use kube::ResourceExt;
use maud::{Markup, html};
use planner::schedule::observed::{Standing, standing};
use planner::size::humanize;

use super::{Page, badge, shell};
use crate::plain::clean;
use crate::read::story::second;
use crate::show::style::Tone;
use crate::show::time::ago;

/// The page.
pub fn storages(storages: &[BackupStorage], runs: &[BackupRun], now: Timestamp) -> Markup {
    let mut sizes: BTreeMap<(&str, String), (usize, u64)> = BTreeMap::new();
    for run in runs.iter().filter(|run| standing(run) == Standing::Successful) {
        let size = run.status.as_ref().and_then(|s| s.size_in_bytes).unwrap_or(0);
        let all = sizes
            .entry((&run.spec.storage.name, run.namespace().unwrap_or_default()))
            .or_default();
        *all = (all.0 + 1, all.1.saturating_add(size));
    }
    let body = html! {
        h1 { "Storages" }
        table {
            caption { (storages.len()) @if storages.len() == 1 { " storage" } @else { " storages" } }
            thead { tr { @for name in ["Storage", "Ready", "Why", "Probed"] { th scope="col" { (name) } } } }
            tbody { @for storage in storages {
                @let status = storage.status.clone().unwrap_or_default();
                @let said = condition::find(&status.conditions, condition::READY);
                tr {
                    th scope="row" { (storage.name_any()) }
                    td { @match said { Some(c) if c.status == "True" => (badge(Tone::Good, "ready")), Some(_) => (badge(Tone::Bad, "not ready")), None => (badge(Tone::Warn, "not probed")) } }
                    td data-name="Why" { @if let Some(c) = said { (clean(&c.reason)) @if !c.message.is_empty() { ": " (clean(&c.message)) } } }
                    td data-name="Probed" { @if let Some(at) = &status.last_probe_time { time datetime=(second(at.0)) { (ago(at.0, now)) " ago" } } }
                }
            } }
        }
        h2 { "Size by namespace" }
        table {
            caption { "Of the good backups of runs that are kept and that you may see" }
            thead { tr { @for name in ["Namespace", "Storage", "Backups", "Stored"] { th scope="col" { (name) } } } }
            tbody { @for ((storage, namespace), (n, size)) in &sizes { tr {
                th scope="row" { (namespace) } td data-name="Storage" { (clean(storage)) } td data-name="Backups" { (n) } td data-name="Stored" { (humanize(*size)) }
            } } }
        }
    };
    let page = Page {
        title: "Storages",
        here: "/storages",
        events: None,
    };
    shell(&page, &body)
}
