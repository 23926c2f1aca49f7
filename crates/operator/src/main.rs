//! The operator: observes the cluster, decides, applies, and serves transfers.
#![forbid(unsafe_code)]

mod admin;
mod args;
mod context;
mod controller;
mod events;
mod lease;
mod merge;
#[cfg(test)]
mod mocked;
mod run;
mod runtime;
mod schedule;
mod scope;
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
    let ended = match runtime::Runtimes::start() {
        Ok(runtimes) => runtimes.run(|work| serve(args, work), finish),
        Err(error) => Err(format!("the runtime cannot be started: {error}")),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            tracing::error!(message, "the operator ends");
            ExitCode::FAILURE
        }
    }
}

/// How serving ended, and the lease, where it is still held.
struct End {
    result: Result<(), String>,
    held: Option<lease::Held>,
}

async fn serve(args: args::Args, work: runtime::Work) -> End {
    let mut held = None;
    let ready = admin::Ready::default();
    let result = tokio::select! {
        result = lead(&args, &work, &ready, &mut held) => result,
        ended = admin::serve(args.health_address, ready.clone()) => {
            Err(format!("the health endpoint {} cannot be served: {ended:?}", args.health_address))
        }
        // At once: all that is under way is made to survive SIGKILL, and a successor is started before this Pod is gone.
        () = runtime::terminated() => {
            tracing::info!("told to end; transfers go on without the operator");
            Ok(())
        }
    };
    End { result, held }
}

/// Works for as long as this one leads.
async fn lead(
    args: &args::Args,
    work: &runtime::Work,
    ready: &admin::Ready,
    held: &mut Option<lease::Held>,
) -> Result<(), String> {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        return Err("a TLS provider was installed before ours".into());
    }
    let no_cluster = |e: kube::Error| format!("no cluster to connect to: {}", events::causes(&e));
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "the operator starts");
    if args.leader_election {
        // A client of its own: a connection that transfers keep busy shall not hold the lease up.
        let client = kube::Client::try_default().await.map_err(no_cluster)?;
        let namespace = client.default_namespace().to_string();
        let candidate = lease::Candidate::new(client, &namespace, args.identity());
        *held = Some(candidate.acquire(|leader| ready.stands_by(leader)).await);
        tracing::info!("this one leads");
    }
    ready.leads(&controller::KINDS);
    let (scope, agent, seen) = (args.watch_namespaces.clone(), args.agent(), ready.clone());
    let working = work.spawn(async move {
        let client = kube::Client::try_default().await?;
        controller::run(client, scope, agent, seen).await;
        Ok(())
    });
    let Some(leading) = held.as_mut() else {
        return done(working.await, no_cluster);
    };
    tokio::select! {
        ended = working => done(ended, no_cluster),
        lost = leading.keep() => {
            // It is somebody else's now, or soon.
            *held = None;
            Err(lost.to_string())
        }
    }
}

fn done(
    ended: Result<Result<(), kube::Error>, tokio::task::JoinError>,
    no_cluster: impl Fn(kube::Error) -> String,
) -> Result<(), String> {
    ended
        .map_err(|e| format!("the controllers have ended: {e}"))?
        .map_err(no_cluster)
}

/// Nothing acts any more: the next one may begin.
async fn finish(end: End) -> Result<(), String> {
    if let Some(held) = end.held {
        held.release().await;
    }
    end.result
}
