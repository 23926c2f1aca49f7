//! What is logged, and how it is changed while the process runs.
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{Directive, LevelFilter};

/// What is right.
const EXAMPLE: &str = "write a level (off, error, warn, info, debug, trace) or TARGET=LEVEL, with commas between them, such as `info` or `info,operator=debug`";

/// A filter in words: levels, and levels of targets. All that is wrong with it is told. A word that is no level is refused: it would be taken for
/// the name of the only target that is logged.
///
/// # Errors
/// What is wrong with it, and what would be right.
pub fn parse(filter: &str) -> Result<EnvFilter, String> {
    let parts: Vec<_> = parts(filter).collect();
    if parts.is_empty() {
        return Err(format!("no filter is given; {EXAMPLE}"));
    }
    let faults: Vec<_> = parts.iter().filter_map(|part| fault(part)).collect();
    if !faults.is_empty() {
        return Err(format!("{}; {EXAMPLE}", faults.join("; ")));
    }
    EnvFilter::try_new(parts.join(",")).map_err(|error| format!("{error}; {EXAMPLE}"))
}

fn parts(filter: &str) -> impl Iterator<Item = &str> {
    filter.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// What is wrong with one part of it.
fn fault(part: &str) -> Option<String> {
    // Of spans and their fields what takes them knows more.
    if !part.contains('[') {
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
        if level.parse::<LevelFilter>().is_err() || level.is_empty() {
            return Some(if level == part {
                format!("{part:?} is no level")
            } else {
                format!("{level:?} in {part:?} is no level")
            });
        }
        if part.starts_with('=') {
            return Some(format!("{part:?} names no target"));
        }
    }
    let read = part.parse::<Directive>();
    read.err().map(|error| format!("{part:?}: {error}"))
}

/// Puts a filter in place; an error in words.
type Put = Box<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>;

/// What is logged.
#[derive(Clone)]
pub struct Level(Arc<Inner>);

struct Inner {
    now: Mutex<String>,
    put: Put,
}

impl Level {
    /// As it is at the beginning.
    pub fn new(now: &str, put: impl Fn(EnvFilter) -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner {
            now: Mutex::new(now.into()),
            put: Box::new(put),
        }))
    }

    /// As it is.
    pub fn now(&self) -> String {
        self.0.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes it, until it is changed again or the process ends. As it is then.
    ///
    /// # Errors
    /// What is asked for means nothing; in words.
    pub fn set(&self, wanted: &str) -> Result<String, String> {
        let filter = parse(wanted)?;
        let wanted = parts(wanted).collect::<Vec<_>>().join(",");
        let mut now = self.0.now.lock().unwrap_or_else(PoisonError::into_inner);
        // One of the two may log nothing of this kind: it is said where it is seen, once.
        let seen = tracing::enabled!(tracing::Level::WARN);
        let say = || {
            tracing::warn!(
                before = *now,
                now = wanted,
                "what is logged is changed, until this process ends"
            )
        };
        if seen {
            say();
        }
        (self.0.put)(filter)?;
        if !seen {
            say();
        }
        now.clone_from(&wanted);
        Ok(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::captured::{self, Lines};

    #[test]
    fn a_filter_that_means_nothing_is_refused_with_all_its_faults_and_what_would_be_right() {
        let level = Level::new("info", |_| panic!("put"));
        for (wrong, told) in [
            ("", "no filter is given; "),
            (" , ", "no filter is given; "),
            // Else it would be a target, and nothing else would be logged any more.
            ("deubg", "\"deubg\" is no level; "),
            ("operator=loud", "\"loud\" in \"operator=loud\" is no level; "),
            ("operator=", "\"\" in \"operator=\" is no level; "),
            ("=debug", "\"=debug\" names no target; "),
            ("info,a=b,c", "\"b\" in \"a=b\" is no level; \"c\" is no level; "),
            ("{\"level\":\"debug\"}", " is no level; "),
            ("[x{", "\"[x{\": "),
        ] {
            let said = level.set(wrong).unwrap_err();
            assert!(said.contains(told) && said.ends_with(EXAMPLE), "{wrong}: {said}");
            assert_eq!(level.now(), "info");
        }
    }

    #[test]
    fn a_filter_is_put_in_place_and_told_as_it_was_understood() {
        let level = Level::new("info", |_| Ok(()));
        for (wanted, now) in [
            ("debug\n", "debug"),
            ("INFO", "INFO"),
            ("off", "off"),
            (" info, operator=debug ,", "info,operator=debug"),
            ("warn,kube_runtime::watcher=trace", "warn,kube_runtime::watcher=trace"),
        ] {
            assert_eq!(level.set(wanted).unwrap(), now);
            assert_eq!(level.now(), now);
        }
    }

    #[test]
    fn the_filter_that_the_operator_starts_with_is_one() {
        use clap::Parser;
        let args = crate::args::Args::try_parse_from(["operator", "--agent-image=x"]).unwrap();
        assert!(parse(&args.log).is_ok());
    }

    #[test]
    fn what_is_logged_follows_the_change() {
        let said = Lines::default();
        let (into, log) = (
            said.clone(),
            tracing_subscriber::fmt().with_env_filter(parse("warn").unwrap()),
        );
        let log = log.with_writer(move || into.clone()).with_filter_reloading();
        let handle = log.reload_handle();
        let level = Level::new("warn", move |filter| handle.reload(filter).map_err(|e| e.to_string()));
        captured::with(log.finish(), || {
            tracing::info!("before");
            level.set("info").unwrap();
            tracing::info!("meanwhile");
            level.set("off").unwrap();
            tracing::error!("after");
        });
        let said = said.text();
        assert!(
            said.contains("meanwhile") && !said.contains("before\n") && !said.contains("after"),
            "{said}"
        );
        assert_eq!(said.matches("what is logged is changed").count(), 2, "{said}");
    }
}
