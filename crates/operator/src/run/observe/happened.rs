//! What the Events of a Pod say, of its containers and of itself.
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ContainerStateTerminated;
use k8s_openapi::api::events::v1::Event;
use planner::run::ending::Ending;

use crate::run::observe::status::Member;

/// Put before the note of an Event that stands for many.
const COMBINED: &str = "(combined from similar events): ";

/// The Events of one Pod, oldest first.
#[derive(Debug, Default)]
pub struct Happened(Vec<Happening>);

/// One of them.
#[derive(Debug)]
pub struct Happening {
    /// One word.
    pub reason: String,
    /// Its words, in one line.
    pub note: String,
    /// The last time that it came.
    pub at: Option<Timestamp>,
    /// `spec.containers{db}`; empty: it is about the Pod.
    field: String,
    warning: bool,
}

/// What Kubernetes killed a container for.
pub struct Killer {
    /// In a sentence.
    pub words: String,
    /// What that makes of the end.
    pub ending: Ending,
}

impl Happened {
    /// From Events as the API server lists them, in no order of time.
    pub fn new(events: &[Event]) -> Self {
        let mut all: Vec<_> = events.iter().map(Happening::new).collect();
        all.sort_by_key(|h| h.at);
        Self(all)
    }

    /// The newest about a container.
    pub fn newest(&self, of: &Member<'_>) -> Option<&Happening> {
        self.about(of).next()
    }

    /// The last words of a probe that failed.
    pub fn unhealthy(&self, of: &Member<'_>) -> Option<String> {
        let failed = self.about(of).find(|h| h.reason == "Unhealthy")?;
        Some(failed.words())
    }

    /// Why the kubelet has killed a container that ended so. A probe that failed once has killed nothing, nor has one that
    /// failed before the container was started again, unless the kubelet says that it killed for it: of a Pod with many Events it tells
    /// only some (25, and then one in five minutes), and the words of the probe may be from an earlier time.
    pub fn killer(&self, of: &Member<'_>, ended: &ContainerStateTerminated) -> Option<Killer> {
        let began = ended.started_at.as_ref().map(|t| t.0);
        let since = |h: &&Happening| h.at >= began;
        let killing = self.about(of).filter(since).find(|h| h.reason == "Killing")?;
        let said = probe_named(&killing.note);
        let of_probe = |h: &&Happening| said.is_some() && h.reason == "Unhealthy";
        let killer = self.about(of).filter(|h| since(h) || of_probe(h)).find_map(|h| {
            let (what, ending) = match h.reason.as_str() {
                "FailedPostStartHook" => ("postStart".to_string(), Ending::Hook),
                "Unhealthy" => (format!("{}Probe", probe_that_failed(&h.note)?), Ending::Probe),
                _ => return None,
            };
            Some(Killer {
                words: format!("Kubernetes killed it, because its {what} failed ({})", h.words()),
                ending,
            })
        });
        killer.or_else(|| {
            said.map(|probe| Killer {
                words: format!("Kubernetes killed it, because its {probe}Probe failed"),
                ending: Ending::Probe,
            })
        })
    }

    /// For which probe the kubelet has killed a container at any time, in a sentence that follows how it ended. Of its last end the
    /// kubelet may say so a moment later than the status does, or never (see [`Self::killer`]).
    pub fn killed_before(&self, of: &Member<'_>) -> Option<String> {
        let probe = self
            .about(of)
            .find_map(|h| probe_named(&h.note).filter(|_| h.reason == "Killing"))?;
        let words = self
            .about(of)
            .find(|h| h.reason == "Unhealthy" && probe_that_failed(&h.note) == Some(probe));
        let words = words.map_or_else(String::new, |h| format!(" ({})", h.words()));
        Some(format!(
            "before that, Kubernetes killed it, because its {probe}Probe failed{words}"
        ))
    }

    /// The newest warning about the Pod as a whole: a volume that cannot be mounted, a network that is not set up. That no node
    /// was found is over when it has one.
    pub fn of_pod(&self, has_node: bool) -> Option<&Happening> {
        let counts = |h: &&Happening| h.warning && h.field.is_empty() && !(has_node && h.reason == "FailedScheduling");
        self.0.iter().rev().find(counts)
    }

    /// Newest first.
    fn about(&self, of: &Member<'_>) -> impl Iterator<Item = &Happening> {
        let list = if of.init { "initContainers" } else { "containers" };
        let field = format!("spec.{list}{{{}}}", of.status.name);
        self.0.iter().rev().filter(move |h| h.field == field)
    }
}

impl Happening {
    fn new(event: &Event) -> Self {
        let note = event.note.as_deref().unwrap_or_default();
        let note = note.strip_prefix(COMBINED).unwrap_or(note);
        let note = note.split_whitespace().map(shown).collect::<Vec<_>>().join(" ");
        Self {
            reason: event.reason.clone().unwrap_or_default(),
            note: note.trim_end_matches(':').to_string(),
            at: when(event),
            field: event
                .regarding
                .as_ref()
                .and_then(|r| r.field_path.clone())
                .unwrap_or_default(),
            warning: event.type_.as_deref() == Some("Warning"),
        }
    }

    /// Reason and note.
    pub fn words(&self) -> String {
        format!("{}: {}", self.reason, self.note)
    }
}

/// Which probe the kubelet says in a note that it kills for.
fn probe_named(note: &str) -> Option<&'static str> {
    ["liveness", "startup"]
        .into_iter()
        .find(|probe| note.contains(&format!("failed {probe} probe")))
}

/// Which of the probes that kill has failed, by the note of that.
fn probe_that_failed(note: &str) -> Option<&'static str> {
    [("Liveness probe", "liveness"), ("Startup probe", "startup")]
        .into_iter()
        .find_map(|(start, probe)| note.starts_with(start).then_some(probe))
}

/// A word of a note. What the container runtime calls its things says nothing to people and is another each time, so that words
/// that say the same would be written again and again.
pub fn shown(word: &str) -> &str {
    let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    if bare.len() == 64 && bare.bytes().all(|b| b.is_ascii_hexdigit()) {
        "…"
    } else {
        word
    }
}

/// An Event tells of repetitions by its series, or in older form by its last time.
fn when(event: &Event) -> Option<Timestamp> {
    let series = event.series.as_ref().map(|s| s.last_observed_time.0);
    let last = event.deprecated_last_timestamp.as_ref().map(|t| t.0);
    let first = event.event_time.as_ref().map(|t| t.0);
    series.max(last).max(first)
}
