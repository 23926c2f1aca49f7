//! The operator: observes the cluster, decides, applies, and serves transfers.
#![forbid(unsafe_code)]

mod admin;
mod ages;
mod args;
#[cfg(test)]
mod bucket;
mod cache;
mod certificates;
mod children;
mod claims;
mod cluster;
mod context;
mod controller;
mod copies;
mod drill;
mod driver;
mod events;
mod lease;
mod listen;
mod listing;
mod log;
mod metrics;
#[cfg(test)]
mod mocked;
mod nodes;
mod notify;
mod ownership;
mod queue;
mod readable;
mod records;
mod run;
mod runtime;
mod schedule;
mod scope;
mod storage;
mod stores;
mod transfer;
mod volumes;
mod webhook;
mod write;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use crate::lease::Tenure;
use crate::metrics::Metrics;
use crate::transfer::completions::Completions;
use clap::Parser;
use planner::run::pod::AgentSettings;

/// How long stores are waited for that complete an upload; `terminationGracePeriodSeconds` is longer by what follows (`webhook/drain.rs`).
const COMPLETIONS: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let args = args::Args::parse();
    let level = match log::start(&args.log, args.log_json) {
        Ok(level) => level,
        Err(error) => {
            eprintln!("operator: --log: {error}");
            return ExitCode::from(2);
        }
    };
    let ended = match runtime::Runtimes::start() {
        Ok(runtimes) => runtimes.run(|threads| serve(args, level, threads), finish),
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

/// How serving ended, the lease, where it is still held, and the webhook, where it may still be asked.
struct End {
    result: Result<(), String>,
    held: Option<lease::Held>,
    webhook: Option<webhook::Server>,
}

/// What is of the process, and not of the time that it leads.
struct Shared {
    volumes: Arc<volumes::Volumes>,
    metrics: Arc<Metrics>,
    completions: Completions,
}

async fn serve(args: args::Args, level: log::Level, threads: runtime::Threads) -> End {
    let mut held = None;
    let ready = admin::Ready::default();
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        let result = Err("a TLS provider was installed before ours".into());
        return End {
            result,
            held,
            webhook: None,
        };
    }
    let proxies = match args.proxies() {
        Ok(proxies) => proxies,
        Err(fault) => {
            let result = Err(fault.to_string());
            return End {
                result,
                held,
                webhook: None,
            };
        }
    };
    let volumes = Arc::new(volumes::Volumes::default());
    let metrics = Arc::new(Metrics::default());
    threads.work.spawn(look(
        volumes.clone(),
        args.agent(),
        args.watch_namespaces.clone(),
        metrics.clone(),
    ));
    let (webhook, webhook_ended) = admission(&args, &threads.admission, &ready, &volumes, &metrics);
    let served = admin::Served {
        ready: ready.clone(),
        metrics: metrics.clone(),
        level,
        config: args.shown(|name| std::env::var(name).ok()),
    };
    let shared = Shared {
        volumes,
        metrics,
        completions: Completions::default(),
    };
    let told = async {
        runtime::terminated().await;
        // It leads meanwhile, so that nobody else is at work on these transfers.
        if !shared.completions.end(COMPLETIONS).await {
            tracing::warn!("a store has not completed an upload within {} s", COMPLETIONS.as_secs());
        }
    };
    let result = tokio::select! {
        result = lead(&args, proxies, &threads.work, &ready, &shared, &mut held) => result,
        ended = webhook_ended => Err(ended),
        ended = admin::serve(args.health_address, served) => {
            Err(format!("the admin port {} cannot be served: {ended:?}", args.health_address))
        }
        // At once but for those: all else that is under way is made to survive SIGKILL, and a successor is started before this Pod is gone.
        () = told => {
            tracing::info!("told to end; transfers go on without the operator");
            Ok(())
        }
    };
    // Only one that was told to end is no longer asked once its routes are gone; one that has failed is gone already.
    let webhook = webhook.filter(|_| result.is_ok());
    End { result, held, webhook }
}

/// Keeps known whether image volumes are served, for as long as the process lives: the leader and each webhook go by it.
async fn look(volumes: Arc<volumes::Volumes>, agent: AgentSettings, scope: scope::Scope, metrics: Arc<Metrics>) {
    // Without a cluster nothing else works either, and says so.
    if let Ok(client) = metrics::connect(&metrics, Tenure::default()).await {
        let namespace = scope.first().unwrap_or(client.default_namespace());
        volumes.keep(&client, namespace, &agent).await;
    }
}

/// Serves the webhook beside all else: it goes on while the rest has ended. The future ends if it cannot be served.
fn admission(
    args: &args::Args,
    threads: &runtime::Work,
    ready: &admin::Ready,
    volumes: &Arc<volumes::Volumes>,
    metrics: &Arc<Metrics>,
) -> (Option<webhook::Server>, impl Future<Output = String> + use<>) {
    let (failed, failure) = tokio::sync::oneshot::channel();
    let server = args.webhook.then(webhook::Server::default);
    if let Some(server) = server.clone() {
        ready.wants_webhook();
        let (ready, settings) = (ready.clone(), args.webhook_settings(volumes, metrics));
        let metrics = metrics.clone();
        threads.spawn(async move {
            let address = settings.address;
            let ended = match metrics::connect(&metrics, Tenure::default()).await {
                Ok(client) => {
                    let settings = settings.in_namespace(client.default_namespace());
                    let served = server.serve(client, settings, ready).await;
                    format!("the webhook {address} cannot be served: {served:?}")
                }
                Err(error) => no_cluster(&error),
            };
            // Where nobody listens any more, the process ends.
            let _ = failed.send(ended);
        });
    }
    (server, async move {
        match failure.await {
            Ok(why) => why,
            Err(_) => std::future::pending().await,
        }
    })
}

fn no_cluster(error: &kube::Error) -> String {
    format!("no cluster to connect to: {}", events::causes(error))
}

/// Works for as long as this one leads.
async fn lead(
    args: &args::Args,
    proxies: store::Proxies,
    work: &runtime::Work,
    ready: &admin::Ready,
    shared: &Shared,
    held: &mut Option<lease::Held>,
) -> Result<(), String> {
    let Shared {
        volumes,
        metrics,
        completions,
    } = shared;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "the operator starts");
    if args.leader_election {
        // A client of its own: a connection that transfers keep busy shall not hold the lease up.
        let client = metrics::connect(metrics, Tenure::default())
            .await
            .map_err(|e| no_cluster(&e))?;
        let namespace = client.default_namespace().to_string();
        let candidate = lease::Candidate::new(client, &namespace, args.identity());
        *held = Some(candidate.acquire(|leader| ready.stands_by(leader)).await);
        tracing::info!("this one leads");
    }
    metrics.leads();
    ready.leads(&controller::NEEDED);
    let (scope, seen) = (args.watch_namespaces.clone(), ready.clone());
    let settings = controller::Settings {
        agent: args.agent(),
        volumes: volumes.clone(),
        notify: args.notify(&proxies),
        identity: args.cloud(&proxies),
        proxies,
        at_once: args.at_once(),
        metrics: metrics.clone(),
        own_store: Default::default(),
        completions: completions.clone(),
        tenure: held.as_ref().map(lease::Held::tenure).unwrap_or_default(),
    };
    let kept = args.certificates();
    if args.webhook && !kept.webhook() {
        ready.trusted();
    }
    let counts = metrics.clone();
    let working = work.spawn(async move {
        let client = metrics::connect(&counts, settings.tenure.clone()).await?;
        let own_store = kept.own_store(client.default_namespace());
        let settings = controller::Settings {
            own_store: own_store.clone(),
            ..settings
        };
        futures::join!(
            kept.keep(client.clone(), &seen),
            own_store.follow(client.clone()),
            controller::run(client.clone(), scope, settings, seen.clone())
        );
        Ok(())
    });
    let Some(leading) = held.as_mut() else {
        return done(working.await);
    };
    tokio::select! {
        ended = working => done(ended),
        lost = leading.keep() => {
            // It is somebody else's now, or soon.
            *held = None;
            Err(lost.to_string())
        }
    }
}

fn done(ended: Result<Result<(), kube::Error>, tokio::task::JoinError>) -> Result<(), String> {
    ended
        .map_err(|e| format!("the controllers have ended: {e}"))?
        .map_err(|e| no_cluster(&e))
}

/// Nothing acts any more: the next one may begin.
async fn finish(end: End) -> Result<(), String> {
    if let Some(held) = end.held {
        held.release().await;
    }
    if let Some(webhook) = end.webhook {
        webhook.drain().await;
    }
    end.result
}
