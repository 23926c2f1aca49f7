//! The store over a server of SFTP, as a program: for tests, and for whoever wants to look at it without an operator.
#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use depot::signature::Keys;
use sftp::connect::Target;
use sftp::host_key::HostKey;
use sftp::login::Login;
use sftp::serve::{Config, start};
use tokio::signal::unix::{SignalKind, signal};
use tracing::level_filters::LevelFilter;
use zeroize::Zeroizing;

/// A store for backups in a folder of a server of SFTP.
#[derive(Debug, Parser)]
#[command(name = "sftp-depot", version)]
struct Args {
    /// The server's name or address
    #[arg(long)]
    host: String,
    /// Its port
    #[arg(long, default_value_t = 22)]
    port: u16,
    /// Who logs in
    #[arg(long)]
    user: String,
    /// A line of OpenSSH, or SHA256:...
    #[arg(long, value_parser = HostKey::parse)]
    host_key: HostKey,
    /// A file that has the private key; a password is given by SFTP_PASSWORD, a passphrase by SFTP_PASSPHRASE
    #[arg(long)]
    private_key: Option<PathBuf>,
    /// The folder, from the login directory where it is not absolute
    #[arg(long, default_value = "")]
    path: String,
    /// The name under which the folder is held
    #[arg(long)]
    holder: String,
    /// Where S3 is served
    #[arg(long, default_value = "127.0.0.1:9000")]
    address: SocketAddr,
    /// The access key of whoever may ask; AWS_SECRET_ACCESS_KEY has the secret
    #[arg(long, env = "AWS_ACCESS_KEY_ID")]
    access_key: String,
    /// What is logged: error, warn, info, debug
    #[arg(long, env = "LOG", default_value = "info")]
    log: LevelFilter,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    tracing_subscriber::fmt()
        .with_max_level(args.log)
        .with_target(false)
        .json()
        .init();
    match run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            tracing::error!(message, "the store ends");
            ExitCode::FAILURE
        }
    }
}

fn secret(name: &str) -> Option<Zeroizing<String>> {
    std::env::var(name).ok().map(Zeroizing::new)
}

async fn run(args: Args) -> Result<(), String> {
    let key = args.private_key.map(std::fs::read_to_string).transpose();
    let key = key
        .map_err(|error| format!("the private key: {error}"))?
        .map(Zeroizing::new);
    let passphrase = secret("SFTP_PASSPHRASE");
    let login = Login::new(
        args.user,
        secret("SFTP_PASSWORD"),
        key.as_ref().map(|key| key.as_str()),
        passphrase.as_ref().map(|text| text.as_str()),
    );
    let target = Target {
        host: args.host,
        port: args.port,
        host_key: args.host_key,
        login: login.map_err(|wrong| wrong.to_string())?,
    };
    let keys = Keys {
        access: args.access_key,
        secret: secret("AWS_SECRET_ACCESS_KEY").ok_or("AWS_SECRET_ACCESS_KEY must be set")?,
    };
    let config = Config {
        target,
        path: args.path,
        holder: args.holder,
        address: args.address,
    };
    let mut terminated = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut served = start(config, keys).await.map_err(|error| error.to_string())?;
    tracing::info!(address = %served.address, "serving");
    tokio::select! {
        _ = terminated.recv() => {}
        words = served.lost() => return Err(words),
    }
    served.stop().await;
    Ok(())
}
