//! How the operator under test is installed: by the plain manifests, as between all cases, or by the chart.
use std::process::Command;

use kube::Client;
use serde_json::Value;

use crate::case::finally;
use crate::kubectl::said;
use crate::{admission, operator};

/// The release, and what all that it makes is called.
pub const NAME: &str = "backup-operator";

/// Does the work, and puts the plain manifests back, whatever became of it.
pub async fn restored(client: &Client, work: impl Future<Output = ()>) {
    let back = async {
        remove_chart();
        manifests(client).await;
    };
    finally(work, back).await;
}

/// Installs the plain manifests, and waits until the operator leads and answers.
pub async fn manifests(client: &Client) {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../dev/operator");
    succeeded(Command::new(program).arg("install"), "");
    operator::up(client, |_| true).await;
    admission::set_up(client).await;
}

/// Installs the chart, or upgrades to these values, taking over what is there. `wait`: until its Pods are ready.
pub fn chart(values: &Value, wait: bool) {
    let mut helm = helm(&["upgrade", "--install", NAME]);
    helm.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/backup-operator"));
    helm.args(["--take-ownership", "--values", "-"]);
    if wait {
        helm.args(["--wait", "--timeout", "90s"]);
    }
    succeeded(&mut helm, &values.to_string());
}

/// Uninstalls the chart, where it is installed.
pub fn remove_chart() {
    succeeded(
        helm(&["uninstall", NAME]).args(["--ignore-not-found", "--wait", "--timeout", "90s"]),
        "",
    );
}

fn helm(verb: &[&str]) -> Command {
    let binary = std::env::var_os("HELM_BIN").expect("HELM_BIN is not set: run `make test`");
    let mut helm = Command::new(binary);
    helm.args(verb).args(["--namespace", operator::NAMESPACE]);
    helm
}

fn succeeded(command: &mut Command, input: &str) {
    let (ok, text) = said(command, input);
    assert!(ok, "{command:?}: {text}");
}
