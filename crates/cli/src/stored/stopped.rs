//! What ends a reading that is under way: signals, or whoever gave it a time; in the right order.
use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use proof::{Signs, Watched};

use crate::stored::signer::Signer;

/// How long it may take until signals are heard.
const READY: Duration = Duration::from_secs(10);

/// Has the first of INT, TERM and HUP, or of what a console has in their place, told by its name, in place of the end of this process.
///
/// # Errors
/// The system does not give them.
pub fn on_signal(told: impl FnOnce(&'static str) + Send + 'static) -> Result<(), String> {
    let (ready, listens) = channel();
    let listen = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let heard = || {
                let _ = ready.send(());
            };
            told(first(heard).await?);
            Ok::<_, std::io::Error>(())
        })
    };
    let begun = thread::Builder::new().name("signals".into()).spawn(listen);
    begun.map_err(|e| format!("no thread for signals: {e}"))?;
    listens
        .recv_timeout(READY)
        .map_err(|_| "signals cannot be heard".to_owned())
}

/// The first of them that comes; `ready` is called when all are heard.
#[cfg(unix)]
async fn first(ready: impl FnOnce()) -> std::io::Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    ready();
    Ok(tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
        _ = hangup.recv() => "SIGHUP",
    })
}

/// What a console has in their place.
#[cfg(windows)]
async fn first(ready: impl FnOnce()) -> std::io::Result<&'static str> {
    use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close};
    let (mut interrupt, mut stop, mut close) = (ctrl_c()?, ctrl_break()?, ctrl_close()?);
    ready();
    Ok(tokio::select! {
        _ = interrupt.recv() => "Ctrl-C",
        _ = stop.recv() => "Ctrl-Break",
        _ = close.recv() => "the end of its console",
    })
}

/// A reading that can be ended, and who signs for it.
type UnderWay = (Arc<Watched>, Arc<Signer>);

/// Ends the reading that is under way; clones are the same one.
#[derive(Clone, Default)]
pub struct Stop {
    /// Why it was called.
    called: Arc<OnceLock<String>>,
    under_way: Arc<Mutex<Option<UnderWay>>>,
}

impl Stop {
    /// From now on, at a signal.
    ///
    /// # Errors
    /// Signals cannot be heard.
    pub fn on_signal() -> Result<Self, String> {
        let stop = Self::default();
        let called = stop.clone();
        on_signal(move |_| called.call("stopped by a signal"))?;
        Ok(stop)
    }

    /// Ends it, for this reason; the first one counts.
    pub fn call(&self, why: &str) {
        let _ = self.called.set(why.to_owned());
        self.end();
    }

    /// It was called.
    pub fn is_called(&self) -> bool {
        self.called.get().is_some()
    }

    /// Why it was called, if it was.
    pub fn why(&self) -> Option<&str> {
        self.called.get().map(String::as_str)
    }

    /// This is under way now.
    pub fn ends(&self, watched: &Arc<Watched>, signer: &Arc<Signer>) {
        *self.under_way.lock().unwrap_or_else(PoisonError::into_inner) = Some((watched.clone(), signer.clone()));
        // A call that came before found nothing.
        if self.is_called() {
            self.end();
        }
    }

    /// Bytes that have come of what is under way, as stored.
    pub fn bytes(&self) -> u64 {
        let under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let watched = under_way.as_ref().map(|(watched, _)| watched);
        watched.map_or(0, |watched| watched.bytes.load(Ordering::Relaxed))
    }

    fn end(&self) {
        if let Some((watched, signer)) = &*self.under_way.lock().unwrap_or_else(PoisonError::into_inner) {
            watched.stop.store(true, Ordering::Relaxed);
            signer.stop();
        }
    }
}
