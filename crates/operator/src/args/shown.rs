//! How the process was started, as `/configz` tells it. No Secret is among it, and of proxies only that there are some: their addresses may
//! hold passwords.
use serde_json::{Value, json};

use super::Args;

/// Where proxies are named.
const PROXIES: [&str; 4] = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"];

impl Args {
    /// All of it, from the command line, the environment and the defaults.
    pub fn shown(&self, environment: impl Fn(&str) -> Option<String>) -> Value {
        let has = |name: &str| environment(name).is_some_and(|value| !value.is_empty());
        let is_set = |name: &&str| has(name) || has(&name.to_ascii_lowercase());
        let proxies: Vec<_> = PROXIES.into_iter().filter(is_set).collect();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "agentImage": self.agent_image,
            "agentImagePullPolicy": self.agent_image_pull_policy,
            "agentVolume": format!("{:?}", self.agent_volume),
            "agentCpu": self.agent_cpu,
            "agentMemory": self.agent_memory,
            "leaderElection": self.leader_election,
            "podName": self.pod_name,
            "healthAddress": self.health_address,
            "webhook": self.webhook,
            "webhookAddress": self.webhook_address,
            "webhookService": self.webhook_service,
            "webhookConfiguration": self.webhook_configuration,
            "webhookCertificateDirectory": self.webhook_certificate_directory,
            "storeService": self.store_service,
            "checkRequester": self.check_requester,
            "watchNamespaces": self.watch_namespaces.to_string(),
            "maxConcurrentRuns": self.max_concurrent_runs,
            "notificationHosts": self.notification_hosts.to_string(),
            "notificationDefault": self.notification_default,
            "logJson": self.log_json,
            "log": self.log,
            "proxiesNamedBy": proxies,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    /// `max-concurrent-runs` as JSON names it.
    fn in_json(flag: &str) -> String {
        let mut words = flag.split('-');
        let first = words.next().unwrap().to_string();
        words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
    }

    #[test]
    fn every_flag_is_shown_with_its_value_and_no_proxy_s_address() {
        let flags = [
            "operator",
            "--agent-image=image",
            "--webhook=false",
            "--health-address=0.0.0.0:8081",
            "--watch-namespaces=a,b",
            "--notification-hosts=hooks.slack.com,*.example.com",
        ];
        let args = Args::try_parse_from(flags).unwrap();
        let shown = args.shown(|name| (name == "https_proxy").then(|| "http://user:canary@proxy:3128".into()));
        let command = Args::command();
        let flags = command.get_arguments().filter_map(clap::Arg::get_long);
        for flag in flags.filter(|flag| !["help", "version"].contains(flag)) {
            assert!(shown.get(in_json(flag)).is_some(), "--{flag} is not shown");
        }
        assert_eq!(shown["webhook"], false);
        assert_eq!(shown["healthAddress"], "0.0.0.0:8081");
        assert_eq!(shown["webhookAddress"], "[::]:9443");
        assert_eq!(shown["notificationHosts"], "hooks.slack.com, *.example.com");
        assert_eq!(shown["proxiesNamedBy"], json!(["HTTPS_PROXY"]));
        assert!(!shown.to_string().contains("canary"));
    }

    #[test]
    fn both_ports_are_by_default_on_every_address_of_both_families() {
        let args = Args::try_parse_from(["operator", "--agent-image=image"]).unwrap();
        assert_eq!(args.health_address.to_string(), "[::]:8081");
        assert_eq!(args.webhook_address.to_string(), "[::]:9443");
    }
}
