//! Signals that end a program: what is under way is ended first, in the right order.
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
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

/// Ends the reading that is under way at a signal.
pub struct Stop {
    called: Arc<AtomicBool>,
    under_way: Arc<Mutex<Option<UnderWay>>>,
}

impl Stop {
    /// From now on.
    ///
    /// # Errors
    /// Signals cannot be heard.
    pub fn on_signal() -> Result<Self, String> {
        let stop = Self {
            called: Arc::default(),
            under_way: Arc::default(),
        };
        let (called, under_way) = (stop.called.clone(), stop.under_way.clone());
        on_signal(move |_| {
            called.store(true, Ordering::SeqCst);
            end(&under_way);
        })?;
        Ok(stop)
    }

    /// A signal came.
    pub fn is_called(&self) -> bool {
        self.called.load(Ordering::SeqCst)
    }

    /// This is under way now.
    pub fn ends(&self, watched: &Arc<Watched>, signer: &Arc<Signer>) {
        *self.under_way.lock().unwrap_or_else(PoisonError::into_inner) = Some((watched.clone(), signer.clone()));
        // One that came before found nothing.
        if self.is_called() {
            end(&self.under_way);
        }
    }
}

fn end(under_way: &Mutex<Option<UnderWay>>) {
    if let Some((watched, signer)) = &*under_way.lock().unwrap_or_else(PoisonError::into_inner) {
        watched.stop.store(true, Ordering::Relaxed);
        signer.stop();
    }
}
