//! The store server: its command line, its log, and its end.
#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use depot::fault::Code;
use depot::files::Disk;
use depot::handle::Server;
use depot::hold::Hold;
use depot::serve::{health, serve};
use depot::shelf::Shelf;
use depot::signature::Keys;
use depot::tls::Certificate;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::level_filters::LevelFilter;
use zeroize::Zeroizing;

/// How often what is over is removed.
const SWEEP: Duration = Duration::from_secs(3600);
/// Threads that wait for the disk.
const ON_DISK: usize = 16;
/// The shortest secret that is taken.
const SHORTEST: usize = 16;
/// Connections of the health port.
const PROBES: usize = 16;

/// A store for backups in a folder: our subset of S3.
#[derive(Debug, Parser)]
#[command(name = "depot", version)]
struct Args {
    /// Where everything lies; one server a folder
    #[arg(long, env = "STORE_FOLDER", default_value = "/data")]
    folder: PathBuf,
    /// Where S3 is served
    #[arg(long, env = "STORE_ADDRESS", default_value = "[::]:9000")]
    address: SocketAddr,
    /// Where a kubelet asks
    #[arg(long, env = "STORE_HEALTH_ADDRESS", default_value = "[::]:9001")]
    health_address: SocketAddr,
    /// A bucket that is made where it is not there; more than one: by commas
    #[arg(long = "bucket", env = "STORE_BUCKETS", value_delimiter = ',')]
    buckets: Vec<String>,
    /// The certificate, in PEM, and those above it; read again when it changes
    #[arg(long, env = "STORE_TLS_CERTIFICATE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// Its key, in PEM
    #[arg(long, env = "STORE_TLS_KEY", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// Connections at a time; more wait
    #[arg(long, env = "STORE_CONNECTIONS", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// The access key of whoever may ask
    #[arg(long, env = "AWS_ACCESS_KEY_ID")]
    access_key: String,
    /// For tests of restores from archives: the classes GLACIER and DEEP_ARCHIVE are taken, and bringing an object of one back takes so
    /// many seconds. They are refused without this
    #[arg(long, env = "STORE_THAW_SECONDS")]
    thaw_seconds: Option<u32>,
    /// What is logged: error, warn, info, debug; debug has each request that is refused
    #[arg(long, env = "LOG", default_value = "info")]
    log: LevelFilter,
    /// Log lines as JSON
    #[arg(long, env = "LOG_JSON", action = clap::ArgAction::Set, default_value_t = true)]
    log_json: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let log = tracing_subscriber::fmt().with_max_level(args.log).with_target(false);
    if args.log_json {
        log.json().init();
    } else {
        log.with_ansi(false).init();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(ON_DISK)
        .enable_all()
        .build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(run(args)),
        Err(error) => Err(format!("the runtime cannot be started: {error}")),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            tracing::error!(message, "the store ends");
            ExitCode::FAILURE
        }
    }
}

/// By the environment only: a command line is seen by all of a node.
fn keys(access: String) -> Result<Keys, String> {
    let secret = std::env::var("AWS_SECRET_ACCESS_KEY")
        .map(Zeroizing::new)
        .unwrap_or_default();
    if access.is_empty() || secret.len() < SHORTEST {
        return Err(format!(
            "AWS_ACCESS_KEY_ID must be set, and AWS_SECRET_ACCESS_KEY to {SHORTEST} characters or more"
        ));
    }
    Ok(Keys { access, secret })
}

async fn run(args: Args) -> Result<(), String> {
    let keys = keys(args.access_key)?;
    let certificate = match (&args.tls_certificate, &args.tls_key) {
        (Some(certificate), Some(key)) => Some(Arc::new(Certificate::open(certificate, key)?)),
        _ => None,
    };
    let folder = args.folder.clone();
    let disk = Disk::open(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    // What waits for another machine's lease is ended by the signal itself.
    let hold = tokio::task::spawn_blocking(move || Hold::take(&folder))
        .await
        .map_err(|error| error.to_string())?;
    let hold = Arc::new(hold?);
    let held = hold.clone();
    let shelf = Arc::new(Shelf::new(disk, move || held.check()));
    let mut terminated = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let kept = tokio::spawn(hold.clone().keep());
    prepare(&shelf, args.buckets).await?;
    let bind = |address: SocketAddr| async move {
        TcpListener::bind(address)
            .await
            .map_err(|error| format!("{address}: {error}"))
    };
    let (listener, probes) = (bind(args.address).await?, bind(args.health_address).await?);
    let tls = certificate.is_some();
    // Where it is asked to choose a port, this tells which.
    let at = |listener: &TcpListener| {
        listener
            .local_addr()
            .map(|address| address.to_string())
            .unwrap_or_default()
    };
    tracing::info!(folder = %args.folder.display(), address = at(&listener), health = at(&probes), tls, "serving");
    let server = Arc::new(Server {
        shelf: shelf.clone(),
        keys,
        thaw: args.thaw_seconds,
    });
    let (end, stop) = watch::channel(false);
    if let Some(certificate) = certificate.clone() {
        tokio::spawn(certificate.keep());
    }
    let checked = hold.clone();
    tokio::spawn(serve(probes, None, PROBES, stop.clone(), move |_| {
        let check = checked.alive();
        async move { health(check) }
    }));
    tokio::spawn(sweep(shelf));
    let serving = tokio::spawn(serve(
        listener,
        certificate,
        args.connections.into(),
        stop,
        move |request| server.clone().handle(request),
    ));
    let lost = tokio::select! {
        _ = terminated.recv() => None,
        _ = interrupted.recv() => None,
        lost = kept => Some(lost.unwrap_or_else(|error| error.to_string())),
    };
    if let Some(words) = lost {
        // At once: another server writes there.
        return Err(words);
    }
    tracing::info!("told to end; what is under way is finished first");
    let _ = end.send(true);
    let _ = serving.await;
    hold.release();
    Ok(())
}

/// Removes what an earlier process has left, and makes the buckets.
async fn prepare(shelf: &Arc<Shelf<Disk>>, buckets: Vec<String>) -> Result<(), String> {
    let shelf = shelf.clone();
    let prepared = tokio::task::spawn_blocking(move || {
        match shelf.sweep(true, Timestamp::now().as_second()) {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "removed what an earlier process has left"),
            // The lease may have had no room: what is there is to be read even so, and the next sweep comes.
            Err(fault) if matches!(fault.code, Code::ServiceUnavailable | Code::InsufficientStorage) => {
                tracing::warn!(error = %fault, "what an earlier process has left cannot be removed yet");
            }
            Err(fault) => return Err(fault),
        }
        for bucket in buckets {
            match shelf.make_bucket(&bucket) {
                Err(fault) if fault.code != Code::BucketAlreadyOwnedByYou => return Err(fault),
                _ => {}
            }
        }
        Ok(())
    });
    prepared
        .await
        .map_err(|error| error.to_string())?
        .map_err(|fault| fault.to_string())
}

async fn sweep(shelf: Arc<Shelf<Disk>>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let shelf = shelf.clone();
        let swept = tokio::task::spawn_blocking(move || shelf.sweep(false, Timestamp::now().as_second()));
        match swept.await {
            Ok(Ok(0)) => {}
            Ok(Ok(removed)) => tracing::info!(removed, "removed uploads that nobody goes on with"),
            Ok(Err(fault)) => tracing::warn!(error = %fault, "what is over cannot be removed"),
            Err(error) => tracing::warn!(%error, "what is over cannot be removed"),
        }
    }
}
