//! Who asks which cluster: kubectl's own flags, files and variables.
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::read::fault::{Fault, with_causes};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(15);

/// The cluster, and who asks it; as kubectl's flags of the same names.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Cluster")]
pub struct Cluster {
    /// Namespace. Default: the context's, or default.
    #[arg(short, long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    #[command(flatten)]
    pub who: Who,
}

/// The cluster and who asks it, for verbs that mean more than one namespace.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Cluster")]
pub struct Who {
    /// The kubeconfig. Default: $KUBECONFIG, or ~/.kube/config; in a Pod without either, its ServiceAccount.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig. Default: its current one.
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// User to ask as.
    #[arg(long = "as", value_name = "USER")]
    pub user: Option<String>,
    /// Group to ask as; may be given more than once.
    #[arg(long = "as-group", value_name = "GROUP")]
    pub groups: Vec<String>,
    /// Seconds that the API server has for each answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub request_timeout: u64,
}

/// A client, and what it asks as.
pub struct Session {
    /// The client.
    pub client: Client,
    /// The namespace that is meant where none is named.
    pub namespace: String,
    /// The namespace that was named, if one was.
    pub asked: Option<String>,
    /// The flags that it was made by.
    pub who: Who,
    runtime: tokio::runtime::Runtime,
}

impl Cluster {
    /// Reads the kubeconfig; the cluster is asked nothing yet.
    ///
    /// # Errors
    /// There is none, or it is wrong.
    pub fn connect(&self) -> Result<Session, Fault> {
        self.who.connect(self.namespace.as_deref())
    }
}

impl Who {
    /// The same, in a namespace. None: the context's, or default.
    ///
    /// # Errors
    /// There is no kubeconfig, or it is wrong.
    pub fn connect(&self, namespace: Option<&str>) -> Result<Session, Fault> {
        let fault = |why: String| Fault::new("find the cluster", why, "kubectl config view --minify");
        // Another part of the process may have installed it: both are ring.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| fault(e.to_string()))?;
        let mut config = runtime.block_on(self.config()).map_err(fault)?;
        config.connect_timeout = Some(CONNECT);
        if self.user.is_some() {
            config.auth_info.impersonate.clone_from(&self.user);
        }
        if !self.groups.is_empty() {
            config.auth_info.impersonate_groups = Some(self.groups.clone());
        }
        if let Some(name) = namespace.filter(|name| !api::names::is_label(name)) {
            return Err(Fault::new(
                format!("look into namespace {name:?}"),
                "no namespace can be called so",
                "kubectl get namespaces",
            ));
        }
        let asked = namespace.map(Into::into);
        let namespace = namespace.map_or_else(|| config.default_namespace.clone(), Into::into);
        let client = {
            let _inside = runtime.enter();
            Client::try_from(config).map_err(|e| fault(planner::mask::masked(&with_causes(&e))))?
        };
        Ok(Session {
            client,
            namespace,
            asked,
            who: self.clone(),
            runtime,
        })
    }

    async fn config(&self) -> Result<Config, String> {
        let options = KubeConfigOptions {
            context: self.context.clone(),
            ..KubeConfigOptions::default()
        };
        let text = |e: &dyn std::error::Error| planner::mask::masked(&with_causes(e));
        let found = match &self.kubeconfig {
            Some(file) => Kubeconfig::read_from(file).map_err(|e| text(&e))?,
            None => match Kubeconfig::read() {
                Ok(found) => found,
                // As kubectl: a Pod's own account where there is no file.
                Err(why) => {
                    return match Config::incluster() {
                        Ok(config) if self.context.is_none() => Ok(config),
                        _ => Err(text(&why)),
                    };
                }
            },
        };
        Config::from_custom_kubeconfig(found, &options)
            .await
            .map_err(|e| text(&e))
    }
}

impl Session {
    /// Runs to the end.
    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// One request, with its deadline, for callers that tell the client's errors apart.
    ///
    /// # Errors
    /// The client's; no answer in time is one of its service.
    pub async fn within<T>(&self, request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, kube::Error> {
        let seconds = self.who.request_timeout;
        let late = || kube::Error::Service(format!("the API server did not answer within {seconds} s").into());
        tokio::time::timeout(Duration::from_secs(seconds), request)
            .await
            .unwrap_or_else(|_| Err(late()))
    }

    /// One request, with its deadline. `doing` completes "cannot …".
    ///
    /// # Errors
    /// The API server refused, or did not answer in time.
    pub async fn ask<T>(&self, doing: &str, request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Fault> {
        let seconds = self.who.request_timeout;
        match tokio::time::timeout(Duration::from_secs(seconds), request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Fault::of(doing, &error)),
            Err(_) => Err(Fault::late(doing, seconds)),
        }
    }
}
