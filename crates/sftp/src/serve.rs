//! The store's server over a folder of a server of SFTP: for this process alone, on the loopback, by keys that nobody else gets.
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use depot::fault::{Code, Fault};
use depot::handle::Server;
use depot::shelf::{Shelf, hex};
use depot::signature::Keys;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use zeroize::Zeroizing;

use crate::connect::Target;
use crate::files::Sftp;
use crate::lease::Lease;
use crate::trial;

/// The bucket of all objects.
pub const BUCKET: &str = "backups";
/// How often what is over is removed.
const SWEEP: Duration = Duration::from_secs(3600);
/// Connections at a time; more wait.
const CONNECTIONS: usize = 256;

/// What is served.
#[derive(Clone, Debug)]
pub struct Config {
    /// The server, and who logs in.
    pub target: Target,
    /// The folder, from the login directory where it is not absolute.
    pub path: String,
    /// Under which name the folder is held: whoever has the same goes on at once.
    pub holder: String,
    /// Where it is served.
    pub address: SocketAddr,
}

impl Config {
    /// On any port of the loopback.
    pub fn on_loopback(target: Target, path: String, holder: String) -> Self {
        Self {
            target,
            path,
            holder,
            address: (Ipv4Addr::LOCALHOST, 0).into(),
        }
    }
}

/// A server that runs until it is stopped or dropped.
pub struct Served {
    /// Where.
    pub address: SocketAddr,
    lease: Arc<Lease<Sftp>>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    keeping: JoinHandle<String>,
    sweeping: JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        for task in [&self.serving, &self.sweeping] {
            task.abort();
        }
        self.keeping.abort();
    }
}

impl Served {
    /// Why it has ended by itself: its folder is another's. None: it serves.
    pub fn ended(&self) -> Option<&'static str> {
        (self.keeping.is_finished() || self.serving.is_finished())
            .then_some("another server has taken the folder of this storage")
    }

    /// Returns when its folder has become another's.
    pub async fn lost(&mut self) -> String {
        (&mut self.keeping).await.unwrap_or_else(|error| error.to_string())
    }

    /// Ends what is under way, and gives the folder back.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        let _ = (&mut self.serving).await;
        self.keeping.abort();
        let lease = self.lease.clone();
        let _ = spawn_blocking(move || lease.release()).await;
    }
}

fn random() -> io::Result<String> {
    let mut bytes = Zeroizing::new([0; 32]);
    let filled = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), bytes.as_mut());
    filled.map_err(|_| io::Error::other("the system gives no random bytes"))?;
    Ok(hex(bytes.as_ref()))
}

/// Connects, tries the server, takes the folder, and serves it.
///
/// # Errors
/// The first of these that fails, in words.
pub async fn start(config: Config, keys: Keys) -> io::Result<Served> {
    let runtime = Handle::current();
    let opened = spawn_blocking(move || {
        let sftp = Arc::new(Sftp::new(config.target, &config.path, runtime));
        trial::run(&sftp, &random()?, BUCKET)?;
        let lease = Arc::new(Lease::take(sftp.clone(), &config.holder)?);
        let held = lease.clone();
        let shelf = Arc::new(Shelf::new(sftp, move || held.check()));
        prepare(&shelf).map_err(io::Error::other)?;
        Ok::<_, io::Error>((shelf, lease))
    });
    let (shelf, lease) = opened.await.map_err(io::Error::other)??;
    let listener = TcpListener::bind(config.address).await?;
    let address = listener.local_addr()?;
    let server = Arc::new(Server {
        shelf: shelf.clone(),
        keys,
        thaw: None,
    });
    let (stop, stopped) = watch::channel(false);
    let serving = depot::serve::serve(listener, None, CONNECTIONS, stopped, move |request| {
        server.clone().handle(request)
    });
    Ok(Served {
        address,
        stop,
        serving: tokio::spawn(serving),
        keeping: tokio::spawn(lease.clone().keep()),
        sweeping: tokio::spawn(sweep(shelf)),
        lease,
    })
}

type Shelved = Shelf<Arc<Sftp>>;

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// Removes what an earlier server has left, and makes the bucket.
fn prepare(shelf: &Shelved) -> Result<(), Fault> {
    match shelf.sweep(true, now()) {
        Ok(0) => {}
        Ok(removed) => tracing::info!(removed, "removed what an earlier server of this folder has left"),
        // The lease may have had no room: what is there is to be read even so, and the next sweep comes.
        Err(fault) if matches!(fault.code, Code::ServiceUnavailable | Code::InsufficientStorage) => {
            tracing::warn!(error = %fault, "what an earlier server of this folder has left cannot be removed yet");
        }
        Err(fault) => return Err(fault),
    }
    match shelf.make_bucket(BUCKET) {
        Err(fault) if fault.code != Code::BucketAlreadyOwnedByYou => Err(fault),
        _ => Ok(()),
    }
}

async fn sweep(shelf: Arc<Shelved>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let shelf = shelf.clone();
        match spawn_blocking(move || shelf.sweep(false, now())).await {
            Ok(Ok(0)) => {}
            Ok(Ok(removed)) => tracing::info!(removed, "removed uploads that nobody goes on with"),
            Ok(Err(fault)) => tracing::warn!(error = %fault, "what is over cannot be removed"),
            Err(error) => tracing::warn!(%error, "what is over cannot be removed"),
        }
    }
}
