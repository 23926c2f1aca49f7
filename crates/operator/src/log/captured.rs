//! What is logged, for tests: as lines.
use std::io::Write;
use std::sync::{Arc, Mutex, Once};

use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};

/// Where lines go.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// What came so far.
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What other tests' threads log to: it writes nothing, and wants to be asked each time.
struct Asked;

impl Subscriber for Asked {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        false
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &tracing::Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Does work with what is logged meanwhile going there.
///
/// Whether anybody wants a line is remembered for all threads: of one that a test without a log comes by first, or of another test's lower
/// level, nobody would, and what is logged here would be missed. So somebody who may want each line is always there.
pub fn with(log: impl Subscriber + Send + Sync, work: impl FnOnce()) {
    static ALWAYS: Once = Once::new();
    ALWAYS.call_once(|| tracing::subscriber::set_global_default(Asked).expect("no test sets another"));
    tracing::subscriber::with_default(log, || {
        tracing::callsite::rebuild_interest_cache();
        work();
    });
}

/// The fields of each line that is logged meanwhile, as `--log-json` writes it.
pub fn json(work: impl FnOnce()) -> Vec<serde_json::Value> {
    let lines = Lines::default();
    let into = lines.clone();
    let log = tracing_subscriber::fmt().json().with_target(false);
    with(log.with_writer(move || into.clone()).finish(), work);
    let text = lines.text();
    let read = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["fields"].take();
    text.lines().map(read).collect()
}
