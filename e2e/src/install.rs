//! How the operator under test is installed: by the plain manifests, as between all cases, or by the chart.
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use futures::FutureExt;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use crate::case::{finally, finally_within};
use crate::cluster::{apply_in, delete, wait};
use crate::kubectl::{kubectl, said};
use crate::prometheus::program;
use crate::{admission, operator};

/// The release, and what all that it makes is called.
pub const NAME: &str = "backup-operator";

/// Does the work, and puts the plain manifests back, whatever became of it.
pub async fn restored(client: &Client, work: impl Future<Output = ()>) {
    restored_after(client, work, async {}).await;
}

/// The same, and something between the two, whatever became of the work.
pub async fn restored_after(client: &Client, work: impl Future<Output = ()>, between: impl Future<Output = ()>) {
    let back = async {
        let between = AssertUnwindSafe(between).catch_unwind().await;
        remove_chart();
        manifests(client).await;
        if let Err(panic) = between {
            resume_unwind(panic);
        }
    };
    // Without optimisation each is a large part of a thread's stack.
    finally(Box::pin(work), Box::pin(back)).await;
}

/// The same of a case that takes longer.
pub async fn restored_within(client: &Client, limit: Duration, work: impl Future<Output = ()>) {
    let back = async {
        remove_chart();
        manifests(client).await;
    };
    finally_within(limit, Box::pin(work), Box::pin(back)).await;
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
        helm.args(["--wait", "--timeout", "180s"]);
    }
    succeeded(&mut helm, &values.to_string());
}

/// A release of the operator.
pub struct Release {
    /// Its checkout, which has the chart.
    tree: PathBuf,
    /// The tag of its image on the cluster's node.
    tag: &'static str,
}

impl Release {
    /// This checkout's.
    pub fn head() -> Self {
        Self {
            tree: concat!(env!("CARGO_MANIFEST_DIR"), "/..").into(),
            tag: "dev",
        }
    }

    /// That of dev/previous.
    pub fn before() -> Self {
        let tree = std::env::var_os("E2E_BEFORE").expect("E2E_BEFORE is not set: run `make upgrades`");
        Self {
            tree: tree.into(),
            tag: "before",
        }
    }

    /// Its CRDs alone, as somebody applies them who does not leave them to Helm.
    pub fn crds(&self) {
        let file = self.tree.join("deploy/crds.yaml");
        let (ok, said) = kubectl(&["apply", "-f", file.to_str().expect("a path")], "");
        assert!(ok, "{said}");
    }

    /// Upgrades to its chart, or installs it, as the page says, and waits until no Pod of another one is there.
    pub async fn upgrade(&self, client: &Client, arguments: &[&str]) {
        let mut helm = helm(&["upgrade", NAME]);
        helm.arg(self.tree.join("charts/backup-operator"));
        helm.args(["--set", &format!("image.tag={}", self.tag), "--timeout", "180s"]);
        succeeded(helm.args(arguments), "");
        self.leads(client).await;
    }

    /// Goes back to a revision of the Helm release ([`revision`]), which was of this one.
    pub async fn roll_back(&self, client: &Client, revision: &str) {
        succeeded(helm(&["rollback", NAME, revision]).args(["--timeout", "180s"]), "");
        self.leads(client).await;
    }

    async fn leads(&self, client: &Client) {
        operator::of_image(client, &format!(":{}", self.tag)).await;
    }

    /// How the image ends that its Pods, and those of its runs, have.
    pub fn tag(&self) -> &str {
        self.tag
    }
}

/// The revision that Helm's release is at.
pub fn revision() -> String {
    let (ok, text) = said(helm(&["status", NAME]).args(["--output", "json"]), "");
    let status: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{ok}: {e}: {text}"));
    status["version"].to_string()
}

/// What Helm prints at the end of an installation.
pub fn notes() -> String {
    let (ok, text) = said(helm(&["get", "notes"]).arg(NAME), "");
    assert!(ok, "{text}");
    text
}

/// Kinds of other software, without its rules, where the cluster has not the real ones.
pub struct Kinds {
    client: Client,
    group: &'static str,
    kinds: &'static [(&'static str, &'static str)],
    /// They are played.
    pub played: bool,
}

impl Kinds {
    /// Kind and plural of each.
    pub async fn look(client: &Client, group: &'static str, kinds: &'static [(&'static str, &'static str)]) -> Self {
        let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
        let (_, plural) = kinds.first().expect("a kind");
        let real = crds.get_opt(&format!("{plural}.{group}")).await.expect("the kinds");
        let played = real.is_none_or(|crd| crd.labels().contains_key("e2e"));
        let client = client.clone();
        Self {
            client,
            group,
            kinds,
            played,
        }
    }

    /// Makes them, and waits until they are served.
    pub async fn make(&self) {
        let crds: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        for (kind, plural) in self.kinds {
            let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
            let version = json!({"name": "v1", "served": true, "storage": true, "schema": schema});
            let names = json!({"kind": kind, "plural": plural});
            let spec = json!({"group": self.group, "scope": "Namespaced", "names": names, "versions": [version]});
            let metadata = json!({"name": format!("{plural}.{}", self.group), "labels": {"e2e": "true"}});
            apply_in(&crds, json!({"metadata": metadata, "spec": spec})).await;
        }
        for (kind, _) in self.kinds {
            let what = format!("{kind} of {} is served", self.group);
            wait(&what, Duration::from_secs(30), || async {
                self.objects(kind).list(&ListParams::default()).await.ok().map(drop)
            })
            .await;
        }
    }

    /// Objects of a kind in the operator's namespace.
    pub fn objects(&self, kind: &str) -> Api<DynamicObject> {
        let kind = ApiResource::from_gvk(&GroupVersionKind::gvk(self.group, "v1", kind));
        Api::namespaced_with(self.client.clone(), operator::NAMESPACE, &kind)
    }

    /// Takes them away, where they were played.
    pub async fn remove(&self) {
        let crds: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        for (_, plural) in self.kinds.iter().filter(|_| self.played) {
            delete(&crds, &format!("{plural}.{}", self.group)).await;
        }
    }
}

/// Uninstalls the chart, where it is installed.
pub fn remove_chart() {
    succeeded(
        helm(&["uninstall", NAME]).args(["--ignore-not-found", "--wait", "--timeout", "180s"]),
        "",
    );
}

/// Helm 3, by which the chart is installed.
pub fn helm_3() -> PathBuf {
    program("HELM_BIN")
}

/// Helm 4, built first where the cache lacks it.
pub fn helm_4() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let output = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../dev/binary"))
            .arg("helm4")
            .stderr(Stdio::inherit())
            .output()
            .expect("dev/binary");
        assert!(output.status.success(), "Helm 4 could not be built");
        String::from_utf8(output.stdout).expect("a path").trim().into()
    };
    BUILT.get_or_init(build).clone()
}

fn helm(verb: &[&str]) -> Command {
    let mut helm = Command::new(helm_3());
    helm.args(verb).args(["--namespace", operator::NAMESPACE]);
    helm
}

fn succeeded(command: &mut Command, input: &str) {
    let (ok, text) = said(command, input);
    assert!(ok, "{command:?}: {text}");
}
