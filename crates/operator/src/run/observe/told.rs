//! Words for one container of a Pod, from its status and the Pod's Events.
use k8s_openapi::api::core::v1::{Container, ContainerStateTerminated};
use planner::run::ending::Ending;

use crate::run::observe::happened::Happened;
use crate::run::observe::status::{Member, ending, is_ordinary, said};

/// Why a container is not as far as it should be; nothing where neither status nor Events say.
pub fn trouble(of: &Member<'_>, events: &Happened) -> Option<String> {
    let title = of.title();
    if let Some(running) = of.running() {
        let last = last(of, events);
        if of.init && !of.is_sidecar() {
            let since = running.started_at.as_ref().map(|t| format!(" since {}", t.0));
            return Some(format!("{title} is still running{}{last}", since.unwrap_or_default()));
        }
        let why = events.unhealthy(of).map(|note| format!(": {note}"));
        return Some(format!("{title} {}{}{last}", awaits(of), why.unwrap_or_default()));
    }
    if let Some(ended) = of.ended() {
        return Some(format!("{}{}", how(&title, ended), killed(of, ended, events)));
    }
    if is_ordinary(of.waits_for()) {
        return being_started(of, events);
    }
    let waiting = of.status.state.as_ref().and_then(|s| s.waiting.as_ref())?;
    let said = said(waiting.reason.as_deref(), waiting.message.as_deref());
    Some(format!("{title}: {said}{}", last(of, events)))
}

/// `container "db" ended with status 1 (Error): its own words`.
pub fn how(title: &str, ended: &ContainerStateTerminated) -> String {
    let reason = ended.reason.clone().unwrap_or_default();
    let words = ended.message.as_deref().map(str::trim).filter(|m| !m.is_empty());
    let words = words.map_or_else(String::new, |m| format!(": {m}"));
    format!("{title} ended with status {} ({reason}){words}", ended.exit_code)
}

/// What killed it, as the end of a sentence about its end.
fn killed(of: &Member<'_>, ended: &ContainerStateTerminated, events: &Happened) -> String {
    events
        .killer(of, ended)
        .map_or_else(String::new, |k| format!(": {}", k.words))
}

/// What killed it at an earlier time, as the end of a sentence about its end.
pub fn before(of: &Member<'_>, events: &Happened) -> String {
    events
        .killed_before(of)
        .map_or_else(String::new, |words| format!("; {words}"))
}

/// How it ended before it was started again.
fn last(of: &Member<'_>, events: &Happened) -> String {
    of.ended_before().map_or_else(String::new, |t| {
        let reason = t.reason.as_deref().unwrap_or_default();
        let killed = match killed(of, t, events) {
            unsaid if unsaid.is_empty() && ending(t) == Ending::Signal => before(of, events),
            said => said,
        };
        format!(" (it last ended with status {}: {reason}{killed})", t.exit_code)
    })
}

fn awaits(of: &Member<'_>) -> &'static str {
    let has = |probe: fn(&Container) -> bool| of.spec.is_some_and(probe);
    if of.status.started != Some(true) && has(|c| c.startup_probe.is_some()) {
        "runs, but its startupProbe has not passed"
    } else if has(|c| c.readiness_probe.is_some()) {
        "runs, but is not ready: its readinessProbe does not pass"
    } else {
        "runs, but is not ready"
    }
}

/// The kubelet tells of no container while it pulls its image, and while a postStart runs: both may take long.
fn being_started(of: &Member<'_>, events: &Happened) -> Option<String> {
    let newest = events.newest(of)?;
    let prepared = of
        .spec
        .and_then(|c| c.lifecycle.as_ref()?.post_start.as_ref())
        .is_some();
    let since = newest.at.map(|at| format!(" since {at}")).unwrap_or_default();
    match newest.reason.as_str() {
        "Started" if prepared => Some(format!("the postStart of {} is still running{since}", of.title())),
        "Pulling" => Some(format!("{}: {}{since}", of.title(), newest.note)),
        _ => None,
    }
}
