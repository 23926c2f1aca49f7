//! The only file that spawns: what works, what runs beside it, and what ends the process.
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, JoinSet};

/// How long what works gets to reach a point where it can be dropped.
const STOP: Duration = Duration::from_secs(2);

/// The threads of the process. What acts on the cluster has its own, so that it can be ended, all of it, before the lease
/// is given back.
pub struct Runtimes {
    /// Lease, health and signals.
    front: Runtime,
    /// Admission: strangers say what it has to compute, and it shall not hold the lease up.
    admission: Runtime,
    /// Controllers and transfers.
    work: Runtime,
}

impl Runtimes {
    /// Starts the threads.
    pub fn start() -> std::io::Result<Self> {
        Ok(Self {
            front: Builder::new_current_thread().enable_all().build()?,
            admission: Builder::new_multi_thread().worker_threads(1).enable_all().build()?,
            // Two threads carry hundreds of transfers: of a direct one no byte passes through here.
            work: Builder::new_multi_thread().worker_threads(2).enable_all().build()?,
        })
    }

    /// Runs `serve` to its end, then ends all that works, then runs what has to follow that.
    pub fn run<S, O, L>(self, serve: impl FnOnce(Threads) -> S, last: impl FnOnce(O) -> L) -> L::Output
    where
        S: Future<Output = O>,
        L: Future,
    {
        let threads = Threads {
            admission: Work(self.admission.handle().clone()),
            work: Work(self.work.handle().clone()),
        };
        let end = self.front.block_on(serve(threads));
        self.work.shutdown_timeout(STOP);
        let result = self.front.block_on(last(end));
        self.admission.shutdown_background();
        self.front.shutdown_background();
        result
    }
}

/// Where what is not in front runs.
pub struct Threads {
    /// The webhook.
    pub admission: Work,
    /// What acts on the cluster: it ends before the lease is given back.
    pub work: Work,
}

/// Threads of the process.
pub struct Work(tokio::runtime::Handle);

impl Work {
    /// Runs it there; it ends with its threads.
    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.0.spawn(work)
    }
}

/// Runs a transfer or a watch beside reconcile. It ends by itself, or with the process: the agent goes on without it.
pub fn spawn(work: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(work);
}

/// Runs what blocks on a thread of its own, with the runtime that it may wait on.
pub fn beside(work: impl FnOnce(tokio::runtime::Handle) + Send + 'static) {
    let handle = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || work(handle));
}

/// Work that ends when nobody holds it any more.
pub struct Task(tokio::task::JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs a part of a transfer beside it, for as long as the task is held.
pub fn spawn_held(work: impl Future<Output = ()> + Send + 'static) -> Task {
    Task(tokio::spawn(work))
}

/// Passes over objects, beside each other; they end with this.
pub struct Passes<T>(JoinSet<(Arc<str>, T)>);

impl<T> Default for Passes<T> {
    fn default() -> Self {
        Self(JoinSet::new())
    }
}

impl<T: Send + 'static> Passes<T> {
    /// How many are under way.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Begins one.
    pub fn begin(&mut self, name: Arc<str>, pass: impl Future<Output = T> + Send + 'static) {
        self.0.spawn(async move { (name, pass.await) });
    }

    /// The next one that has ended, and how. None where none is under way, or one has panicked: which ends the process, as the profile of
    /// releases says.
    pub async fn ended(&mut self) -> Option<(Arc<str>, T)> {
        self.0.join_next().await?.ok()
    }
}

/// Ends with SIGTERM or SIGINT.
pub async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}
