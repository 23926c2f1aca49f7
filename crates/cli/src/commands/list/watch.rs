//! `list --watch`: on a terminal the table is painted anew, elsewhere each change is a row below the others.
use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use kube::api::DynamicObject;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use tokio::time::{Instant, timeout_at};

use super::rows::{Row, table};
use super::{Asked, nothing};
use crate::plain::clean;
use crate::read::connect::Session;
use crate::read::fault::{Fault, with_causes};
use crate::read::objects::Found;
use crate::show::style::Style;

/// How often a terminal is painted at least: ages go on.
const AGES: Duration = Duration::from_secs(10);
/// And at most: of many changes at once the eye sees the last.
const PAINT: Duration = Duration::from_millis(200);
/// Rows of a terminal whose size is not known.
const ROWS: usize = 24;

/// Goes on until it is ended, or whoever reads has gone.
pub fn watch<K: Row>(session: &Session, asked: &Asked, out: &mut dyn Write) -> Result<(), String> {
    let mut config = watcher::Config::default().page_size(500);
    config.label_selector.clone_from(&asked.labels);
    let events = watcher::watcher(session.dynamic::<K>(&asked.place), config).default_backoff();
    let terminal = io::stdout().is_terminal();
    let seconds = session.who.request_timeout;
    session.block_on(async {
        let mut events = events.boxed();
        let mut seen = Seen::<K>::default();
        let mut widths = Vec::new();
        let late = Instant::now() + Duration::from_secs(seconds);
        let mut painted = Instant::now();
        loop {
            let pause = if seen.changed { PAINT } else { AGES };
            let until = if seen.whole { painted + pause } else { late };
            match timeout_at(until, events.try_next()).await {
                Ok(Ok(Some(event))) => {
                    let changed = seen.take(event);
                    if !terminal && follow(&changed, &mut widths, asked, out).is_err() {
                        return Ok(());
                    }
                }
                Ok(Ok(None)) => return Ok(()),
                Ok(Err(error)) if !seen.whole => return Err(fault::<K>(asked, &error).to_string()),
                // It is tried again, ever less often.
                Ok(Err(error)) => tell!("{}", clean(&fault::<K>(asked, &error).to_string())),
                Err(_) if !seen.whole => return Err(Fault::late(&asked.place.listing::<K>(), seconds).to_string()),
                Err(_) => {
                    painted = Instant::now();
                    seen.changed = false;
                    if terminal && paint(&seen, asked, out).is_err() {
                        return Ok(());
                    }
                }
            }
        }
    })
}

fn fault<K: Row>(asked: &Asked, error: &watcher::Error) -> Fault {
    let doing = asked.place.listing::<K>();
    match error {
        watcher::Error::InitialListFailed(e) | watcher::Error::WatchStartFailed(e) | watcher::Error::WatchFailed(e) => {
            Fault::of(&doing, e)
        }
        other => Fault::new(doing, with_causes(other), "the same command again"),
    }
}

/// The table, over what stood there before.
fn paint<K: Row>(seen: &Seen<K>, asked: &Asked, out: &mut dyn Write) -> io::Result<()> {
    let now = Timestamp::now();
    let objects = seen.shown(asked, now);
    let mut text = Vec::new();
    if objects.is_empty() {
        writeln!(text, "{}", nothing::<K>(asked))?;
    } else {
        table(&objects, asked.view, now).write(Style::of_output(), &mut text)?;
    }
    let rows = terminal_size::terminal_size().map_or(ROWS, |(_, rows)| rows.0.into());
    out.write_all(screen(&String::from_utf8_lossy(&text), rows).as_bytes())?;
    out.flush()
}

/// A text that takes the place of a terminal's screen of so many rows: to its beginning, each line to its end, nothing below.
fn screen(text: &str, rows: usize) -> String {
    let lines: Vec<_> = text.lines().collect();
    let room = rows.saturating_sub(2).max(1);
    let mut all = String::from("\u{1b}[H");
    for line in lines.iter().take(room) {
        all.push_str(&format!("{line}\u{1b}[K\r\n"));
    }
    if lines.len() > room {
        all.push_str(&format!("… and {} more\u{1b}[K\r\n", lines.len() - room));
    }
    all + "\u{1b}[J"
}

/// What has changed, below what was written before.
fn follow<K: Row>(changed: &[K], widths: &mut Vec<usize>, asked: &Asked, out: &mut dyn Write) -> io::Result<()> {
    let now = Timestamp::now();
    let mut shown: Vec<_> = changed
        .iter()
        .filter(|object| !asked.failed || object.has_failed(now))
        .cloned()
        .collect();
    if shown.is_empty() {
        return Ok(());
    }
    shown.sort_by_cached_key(Row::place);
    let table = table(&shown, asked.view, now);
    if widths.is_empty() {
        *widths = table.widths();
        table.write(Style::PLAIN, out)?;
    } else {
        table.more(widths, Style::PLAIN, out)?;
    }
    out.flush()
}

/// What a watch has seen.
struct Seen<K> {
    /// By namespace and name.
    objects: BTreeMap<(String, String), K>,
    /// Those of a list that is not at its end.
    coming: BTreeMap<(String, String), K>,
    /// A list was seen to its end.
    whole: bool,
    /// Since it was painted.
    changed: bool,
}

impl<K> Default for Seen<K> {
    fn default() -> Self {
        Self {
            objects: BTreeMap::new(),
            coming: BTreeMap::new(),
            whole: false,
            changed: false,
        }
    }
}

impl<K: Row> Seen<K> {
    /// Takes an event, and says which objects have changed by it. One that was deleted is said as it was last.
    fn take(&mut self, event: Event<DynamicObject>) -> Vec<K> {
        let key = |object: &K| {
            let metadata = object.meta();
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            (text(&metadata.namespace), text(&metadata.name))
        };
        let changed: Vec<K> = match event {
            Event::Init => {
                self.coming.clear();
                vec![]
            }
            Event::InitApply(object) => {
                self.coming
                    .extend(readable(object).map(|object: K| (key(&object), object)));
                vec![]
            }
            Event::InitDone => {
                let before = std::mem::replace(&mut self.objects, std::mem::take(&mut self.coming));
                self.changed |= !self.whole;
                self.whole = true;
                let version = |object: &K| object.meta().resource_version.clone();
                let is_new = |(at, object): &(&(String, String), &K)| {
                    before.get(*at).is_none_or(|old| version(old) != version(object))
                };
                self.changed |= before.len() != self.objects.len();
                self.objects
                    .iter()
                    .filter(is_new)
                    .map(|(_, object)| object.clone())
                    .collect()
            }
            Event::Apply(object) => {
                let object: Option<K> = readable(object);
                self.objects
                    .extend(object.iter().map(|object| (key(object), object.clone())));
                object.into_iter().collect()
            }
            Event::Delete(object) => {
                let object: Option<K> = readable(object);
                if let Some(object) = &object {
                    self.objects.remove(&key(object));
                }
                object.into_iter().collect()
            }
        };
        self.changed |= !changed.is_empty();
        changed
    }

    fn shown(&self, asked: &Asked, now: Timestamp) -> Vec<K> {
        let wanted = |object: &&K| !asked.failed || object.has_failed(now);
        let mut all: Vec<_> = self.objects.values().filter(wanted).cloned().collect();
        all.sort_by_cached_key(Row::place);
        all
    }
}

/// One that cannot be read is told once more each time that it changes.
fn readable<K: Row>(object: DynamicObject) -> Option<K> {
    let mut found = Found::<K>::none();
    found.take(object);
    for why in &found.unreadable {
        tell!("not shown: {}", clean(why));
    }
    found.objects.pop()
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::BackupRun;
    use serde_json::json;

    fn run(name: &str, version: &str) -> DynamicObject {
        let mut run = testing::backup_run();
        run.metadata.name = Some(name.into());
        run.metadata.resource_version = Some(version.into());
        serde_json::from_value(json!(run)).unwrap()
    }

    fn names(runs: &[BackupRun]) -> Vec<&str> {
        runs.iter().filter_map(|run| run.metadata.name.as_deref()).collect()
    }

    #[test]
    fn a_change_is_told_once_also_where_the_watch_had_to_begin_anew() {
        let mut seen = Seen::<BackupRun>::default();
        let none: [&str; 0] = [];
        assert_eq!(names(&seen.take(Event::Init)), none);
        assert_eq!(names(&seen.take(Event::InitApply(run("a", "1")))), none);
        assert_eq!(names(&seen.take(Event::InitApply(run("b", "1")))), none);
        assert!(!seen.whole);
        assert_eq!(names(&seen.take(Event::InitDone)), ["a", "b"]);
        assert!(seen.whole && seen.changed);
        assert_eq!(names(&seen.take(Event::Apply(run("a", "2")))), ["a"]);
        for event in [
            Event::Init,
            Event::InitApply(run("a", "2")),
            Event::InitApply(run("c", "1")),
        ] {
            assert_eq!(names(&seen.take(event)), none);
        }
        assert_eq!(seen.objects.len(), 2, "what was seen stays until the list is whole");
        assert_eq!(names(&seen.take(Event::InitDone)), ["c"]);
        assert_eq!(names(&seen.take(Event::Delete(run("c", "2")))), ["c"]);
        assert_eq!(seen.objects.len(), 1);
    }

    #[test]
    fn a_screen_is_written_over_and_never_longer_than_the_terminal() {
        assert_eq!(screen("a\nb\n", 24), "\u{1b}[Ha\u{1b}[K\r\nb\u{1b}[K\r\n\u{1b}[J");
        let cut = screen("a\nb\nc\nd\n", 4);
        assert!(
            cut.contains("b\u{1b}[K") && !cut.contains("c\u{1b}[K") && cut.contains("… and 2 more"),
            "{cut:?}"
        );
    }
}
