//! `ui`: a page on this machine, with the user's own rights.
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use crate::read::connect::Cluster;
use crate::read::fault::Fault;
use crate::stored::flags::Reached;
use crate::ui::{Site, serve};

/// How it is served.
#[derive(clap::Args)]
pub struct Args {
    /// Port of 127.0.0.1. Default: any that is free.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
    /// Open it in the browser too.
    #[arg(long)]
    open: bool,
    /// End after so many minutes without a request.
    #[arg(long, value_name = "MINUTES", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=10_080))]
    idle_minutes: u64,
    #[command(flatten)]
    reached: Reached,
    #[command(flatten)]
    cluster: Cluster,
}

/// Serves it until Ctrl-C, or until nobody looks any more.
///
/// # Errors
/// There is no kubeconfig, or the port is taken.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), Fault> {
    let session = Arc::new(args.cluster.connect()?);
    session.block_on(work(args, session.clone(), out))
}

async fn work(args: &Args, session: Arc<crate::read::connect::Session>, out: &mut dyn Write) -> Result<(), Fault> {
    let doing = "serve the page";
    let fault = |why: String| Fault::new(doing, why, "kubectl backup ui without --port");
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", args.port))
        .await
        .map_err(|e| fault(format!("port {} of 127.0.0.1: {e}", args.port)))?;
    let port = listener.local_addr().map_err(|e| fault(e.to_string()))?.port();
    let site = Site::new(session, port, args.reached.clone()).map_err(fault)?;
    let url = site.url();
    let _ = writeln!(
        out,
        "{url}\nWhoever has this address acts with your rights. Ctrl-C ends it."
    );
    let _ = out.flush();
    if args.open
        && let Err(why) = open(&url)
    {
        eprintln!("note: no browser was started ({why}): open the address yourself");
    }
    let idle = Duration::from_secs(args.idle_minutes * 60);
    tokio::select! {
        ended = serve(listener, site, idle) => ended.map_err(fault)?,
        _ = tokio::signal::ctrl_c() => return Ok(()),
    }
    let _ = writeln!(out, "ended: {} minutes without a request", args.idle_minutes);
    Ok(())
}

/// The system's program that opens an address.
fn open(url: &str) -> Result<(), String> {
    let mut command = if cfg!(target_os = "macos") {
        Command::new("open")
    } else if cfg!(windows) {
        let mut command = Command::new("rundll32");
        command.arg("url.dll,FileProtocolHandler");
        command
    } else {
        Command::new("xdg-open")
    };
    let quiet = command
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    quiet.spawn().map(drop).map_err(|e| e.to_string())
}
