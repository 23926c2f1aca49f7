//! The operator: observes the cluster, decides, applies, and serves transfers.
#![forbid(unsafe_code)]

mod admin;
mod args;
mod context;
mod controller;
mod events;
#[cfg(test)]
mod mocked;
mod run;
mod runtime;
mod schedule;
mod storage;
mod stores;
mod transfer;
mod write;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let args = args::Args::parse();
    let filter = match EnvFilter::try_new(&args.log) {
        Ok(filter) => filter,
        Err(error) => {
            eprintln!("operator: --log: {error}");
            return ExitCode::from(2);
        }
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    if args.log_json {
        log.json().init()
    } else {
        log.with_ansi(false).init()
    }
    // Two threads carry hundreds of transfers: no byte of a backup passes through here.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let result = runtime
        .map_err(|e| format!("the runtime cannot be started: {e}"))
        .and_then(|r| {
            let result = r.block_on(serve(args));
            r.shutdown_background();
            result
        });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            tracing::error!(message, "the operator ends");
            ExitCode::FAILURE
        }
    }
}

async fn serve(args: args::Args) -> Result<(), String> {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        return Err("a TLS provider was installed before ours".into());
    }
    let client = kube::Client::try_default()
        .await
        .map_err(|e| format!("no cluster to connect to: {}", events::causes(&e)))?;
    let ready = admin::Ready::new(&controller::KINDS);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "the operator starts");
    tokio::select! {
        () = controller::run(client, args.agent(), ready.clone()) => Ok(()),
        ended = admin::serve(args.health_address, ready) => {
            Err(format!("the health endpoint {} cannot be served: {ended:?}", args.health_address))
        }
        // At once: all that is under way is made to survive SIGKILL, and a successor is started before this Pod is gone.
        () = runtime::terminated() => {
            tracing::info!("told to end; transfers go on without the operator");
            Ok(())
        }
    }
}
