//! What is logged, for tests: as lines.
use std::io::Write;
use std::sync::{Arc, Mutex};

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

/// The fields of each line that is logged meanwhile, as `--log-json` writes it.
pub fn json(work: impl FnOnce()) -> Vec<serde_json::Value> {
    let lines = Lines::default();
    let into = lines.clone();
    let log = tracing_subscriber::fmt().json().with_target(false);
    tracing::subscriber::with_default(log.with_writer(move || into.clone()).finish(), work);
    let text = lines.text();
    let read = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["fields"].take();
    text.lines().map(read).collect()
}
