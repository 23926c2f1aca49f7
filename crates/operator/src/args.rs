//! Command line and environment.
mod shown;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use planner::notify::Hosts;
use planner::run::AgentVolume;
use planner::run::pod::AgentSettings;

use crate::certificates::Kept;
use crate::metrics::Metrics;
use crate::notify;
use crate::scope::Scope;
use crate::volumes::Volumes;
use crate::webhook;

/// Backs up and restores whatever has a command.
#[derive(Parser, Debug)]
#[command(name = "operator", version)]
pub struct Args {
    /// Image that holds /agent, put into every backup Pod by a volume of that image or by an init container: the operator's own image.
    #[arg(long, env = "AGENT_IMAGE")]
    pub agent_image: String,
    /// Pull policy of that image.
    #[arg(long, env = "AGENT_IMAGE_PULL_POLICY", default_value = "IfNotPresent")]
    pub agent_image_pull_policy: String,
    /// What puts the agent into Pods: `Auto` (an image volume where API server and nodes are seen to serve them, and an init container
    /// elsewhere and where one did not come up), `Image`, or `InitContainer`.
    #[arg(long, env = "AGENT_VOLUME", default_value = "Auto")]
    pub agent_volume: AgentVolume,
    /// CPU of that init container, request and limit alike.
    #[arg(long, env = "AGENT_CPU", default_value = "100m")]
    pub agent_cpu: String,
    /// Memory of that init container, request and limit alike.
    #[arg(long, env = "AGENT_MEMORY", default_value = "32Mi")]
    pub agent_memory: String,
    /// Work only while holding the Lease `backup-operator` in the operator's namespace, so that of several replicas one works.
    #[arg(long, env = "LEADER_ELECTION", default_value_t = true, action = clap::ArgAction::Set)]
    pub leader_election: bool,
    /// This Pod's name: who it is in that Lease. Without one, each process is somebody else.
    #[arg(long, env = "POD_NAME")]
    pub pod_name: Option<String>,
    /// Address of the admin port: /livez, /readyz, /healthz and /metrics, and for who is in the Pod /log-level and /configz. `[::]` is every
    /// address, of IPv6 and IPv4.
    #[arg(long, env = "HEALTH_ADDRESS", default_value = "[::]:8081")]
    pub health_address: SocketAddr,
    /// Serve the validating webhook, which answers `kubectl apply` with every fault at once.
    #[arg(long, env = "WEBHOOK", default_value_t = true, action = clap::ArgAction::Set)]
    pub webhook: bool,
    /// Address of the webhook.
    #[arg(long, env = "WEBHOOK_ADDRESS", default_value = "[::]:9443")]
    pub webhook_address: SocketAddr,
    /// Service in front of it, in the operator's namespace; also the name of the Secret with its certificate.
    #[arg(long, env = "WEBHOOK_SERVICE", default_value = "backup-operator-webhook")]
    pub webhook_service: String,
    /// Its ValidatingWebhookConfiguration, whose caBundle the operator keeps.
    #[arg(long, env = "WEBHOOK_CONFIGURATION", default_value = "backup-operator")]
    pub webhook_configuration: String,
    /// Folder with tls.crt and tls.key that somebody else keeps (cert-manager); then the operator makes no certificate and
    /// leaves caBundle alone.
    #[arg(long, env = "WEBHOOK_CERTIFICATE_DIRECTORY")]
    pub webhook_certificate_directory: Option<PathBuf>,
    /// Service of the operator's own store, in the operator's namespace, to make and renew a certificate for: Secret SERVICE-tls, which the store
    /// serves with and storages at `https://SERVICE.NAMESPACE.svc` trust by themselves. Nothing: it has none, or one of yours.
    #[arg(long, env = "STORE_SERVICE")]
    pub store_service: Option<String>,
    /// Admit a run or a schedule only from who may create Pods in its namespace and act as the ServiceAccount that it names,
    /// and a storage only from who may read the Secret with its access keys.
    #[arg(long, env = "CHECK_REQUESTER", default_value_t = true, action = clap::ArgAction::Set)]
    pub check_requester: bool,
    /// Watch and act upon schedules, runs and Pods of these namespaces only, with commas between them; nothing means all.
    #[arg(long, env = "WATCH_NAMESPACES", default_value = "", value_parser = Scope::parse)]
    pub watch_namespaces: Scope,
    /// How many runs may be under way at once, backups and restores of all namespaces together; the others wait for their turn. 0: no
    /// limit. A node of Kubernetes has 110 Pods by default: half of them for runs leave the other half to what is backed up.
    #[arg(long, env = "MAX_CONCURRENT_RUNS", default_value_t = 50)]
    pub max_concurrent_runs: u32,
    /// Hosts that `spec.notifications` of schedules may send to, with commas between them: a name (hooks.slack.com), all names below one (*.example.com), or an
    /// IP address; `+private` after it where it is in a private network. Nothing: schedules may have no notifications.
    #[arg(long, env = "NOTIFICATION_HOSTS", default_value = "")]
    pub notification_hosts: Hosts,
    /// Folder with `notifications.yaml`, a list in the form of `spec.notifications` for all schedules that have none, and the keys that it names: a Secret
    /// of the operator's namespace, mounted.
    #[arg(long, env = "NOTIFICATION_DEFAULT")]
    pub notification_default: Option<PathBuf>,
    /// Log lines as JSON.
    #[arg(long, env = "LOG_JSON", default_value_t = false)]
    pub log_json: bool,
    /// What to log: a level (off, error, warn, info, debug, trace), or levels of targets: `info,operator=debug`. `PUT /log-level` changes it for
    /// the lifetime of the process.
    #[arg(long, env = "LOG", default_value = "info,kube_runtime=warn")]
    pub log: String,
}

impl Args {
    /// Who this is among the candidates.
    pub fn identity(&self) -> String {
        self.pod_name.clone().unwrap_or_else(|| {
            let started = jiff::Timestamp::now().as_nanosecond();
            format!("process-{}-{started}", std::process::id())
        })
    }

    /// How many runs at once; none: no limit.
    pub fn at_once(&self) -> Option<u32> {
        (self.max_concurrent_runs > 0).then_some(self.max_concurrent_runs)
    }

    /// How the webhook is served.
    pub fn webhook_settings(&self, volumes: &Arc<Volumes>, metrics: &Arc<Metrics>) -> webhook::Settings {
        webhook::Settings {
            address: self.webhook_address,
            namespace: String::new(),
            secret: self.webhook_service.clone(),
            folder: self.webhook_certificate_directory.clone(),
            agent: self.agent(),
            volumes: volumes.clone(),
            check_requester: self.check_requester,
            notification_hosts: self.notification_hosts.clone(),
            metrics: metrics.clone(),
        }
    }

    /// Which certificates the operator makes.
    pub fn certificates(&self) -> Kept {
        let webhook = self.webhook && self.webhook_certificate_directory.is_none();
        Kept {
            webhook: webhook.then(|| (self.webhook_service.clone(), self.webhook_configuration.clone())),
            store: self.store_service.clone(),
        }
    }

    /// Where notifications may go.
    pub fn notify(&self, proxies: &store::Proxies) -> notify::Settings {
        notify::Settings {
            hosts: self.notification_hosts.clone(),
            own: self.notification_default.clone(),
            proxies: proxies.clone(),
        }
    }

    /// The proxies of the environment, for what this process sends to stores. Not for names of the cluster, which no proxy
    /// outside of it knows.
    ///
    /// # Errors
    /// A variable that names none.
    pub fn proxies(&self) -> Result<store::Proxies, store::ProxyFault> {
        store::Proxies::from_environment(|name| std::env::var(name).ok(), ".svc,.cluster.local")
    }

    /// Who this process is to a cloud: by its environment, which the cloud's own webhooks write.
    pub fn cloud(&self, proxies: &store::Proxies) -> store::Identity {
        store::Identity::new(|name| std::env::var(name).ok(), proxies.clone())
    }

    /// How the agent is put into Pods.
    pub fn agent(&self) -> AgentSettings {
        AgentSettings {
            image: self.agent_image.clone(),
            image_pull_policy: self.agent_image_pull_policy.clone(),
            cpu: self.agent_cpu.clone(),
            memory: self.agent_memory.clone(),
            volume: self.agent_volume,
        }
    }
}
