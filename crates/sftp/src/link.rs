//! The connection as it is now. One that broke is made again by whoever asks next, a few times at most and not by all at once; how often it
//! was made tells a file that its handle is of an earlier one.
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::connect::{Target, connect};
use crate::session::Session;

/// Tries before whoever asked is told.
const TRIES: u32 = 3;
/// Between two of them at first; doubled each time.
const PAUSE: Duration = Duration::from_millis(300);
/// A failure that is not older is the answer to whoever asks next, too.
const FRESH: Duration = Duration::from_secs(1);

#[derive(Default)]
struct State {
    session: Option<Arc<Session>>,
    failed: Option<(Instant, ErrorKind, String)>,
}

/// A server, connected to or not.
pub struct Link {
    target: Target,
    state: Mutex<State>,
    count: AtomicU64,
}

/// Whether it may be another answer a moment later.
fn passes(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        ErrorKind::PermissionDenied | ErrorKind::Unsupported | ErrorKind::InvalidData | ErrorKind::InvalidInput
    )
}

impl Link {
    /// Connected to by whoever asks first.
    pub fn new(target: Target) -> Self {
        Self {
            target,
            state: Mutex::default(),
            count: AtomicU64::new(0),
        }
    }

    /// How often it was connected to.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// A request had no answer: where the server says nothing at all, the connection is made again.
    pub fn unanswered(&self) {
        // Whoever holds it connects just now.
        if let Ok(state) = self.state.try_lock()
            && let Some(session) = &state.session
        {
            session.give_up();
        }
    }

    /// The connection, and the how manyth it is.
    ///
    /// # Errors
    /// The server cannot be reached, or refuses.
    pub async fn session(&self) -> io::Result<(Arc<Session>, u64)> {
        let mut state = self.state.lock().await;
        if let Some(session) = state.session.as_ref().filter(|session| !session.is_broken()) {
            return Ok((session.clone(), self.count()));
        }
        if let Some((at, kind, words)) = &state.failed
            && at.elapsed() < FRESH
        {
            return Err(io::Error::new(*kind, words.clone()));
        }
        let again = state.session.take().is_some();
        let mut pause = PAUSE;
        for left in (0..TRIES).rev() {
            match connect(&self.target).await {
                Ok(session) => {
                    let session = Arc::new(session);
                    let count = self.count.fetch_add(1, Ordering::SeqCst) + 1;
                    if again {
                        tracing::info!(server = %self.target, "connected to the server of SFTP again");
                    }
                    *state = State {
                        session: Some(session.clone()),
                        failed: None,
                    };
                    return Ok((session, count));
                }
                Err(error) if left == 0 || !passes(&error) => {
                    let kind = match passes(&error) {
                        // Whatever it was, it is no answer of the server's.
                        true => ErrorKind::NotConnected,
                        false => error.kind(),
                    };
                    let words = format!("{}: {error}", self.target);
                    state.failed = Some((Instant::now(), kind, words.clone()));
                    return Err(io::Error::new(kind, words));
                }
                Err(_) => {
                    sleep(pause).await;
                    pause *= 2;
                }
            }
        }
        Err(ErrorKind::NotConnected.into())
    }
}
