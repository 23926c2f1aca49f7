//! `version`: of this program, of the operator, of the cluster and of the kinds in it; and what follows where they differ.
mod kinds;
mod skew;

use std::io::Write;

use api::{GROUP, VERSION};
use clap::ValueEnum;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use serde::Serialize;

use crate::read::connect::{Cluster, Session};
use crate::read::fault::Fault;
use crate::show::document::{self, Form};

/// What everything of an installation is labelled with.
const INSTALLED: &str = "app.kubernetes.io/name=backup-operator";

/// What to ask.
#[derive(clap::Args)]
pub struct Args {
    /// Of this program alone: no cluster is asked.
    #[arg(long)]
    client: bool,
    /// Where the operator is. Default: where its Deployment is found, in all namespaces.
    #[arg(long, value_name = "NAMESPACE")]
    operator_namespace: Option<String>,
    /// As a document.
    #[arg(short, long, value_enum, value_name = "FORM")]
    output: Option<Output>,
    #[command(flatten)]
    cluster: Cluster,
}

/// How it is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

/// All that was found.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Versions {
    client: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<String>,
    operators: Vec<Operator>,
    /// Names of the kinds that the cluster serves.
    kinds: Vec<String>,
    /// What follows of it, and what could not be seen.
    says: Vec<String>,
}

/// An operator's Deployment.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Operator {
    namespace: String,
    name: String,
    image: String,
    /// The image's tag, or the version in its labels; none where neither is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    ready: i32,
    wanted: i32,
}

/// Answers. What one may not see is said; an error is a cluster that does not answer.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), String> {
    let mut found = Versions {
        client: env!("CARGO_PKG_VERSION").into(),
        ..Versions::default()
    };
    let asked = if args.client {
        Ok(())
    } else {
        ask(args, &mut found).map_err(|fault| fault.to_string())
    };
    match args.output {
        Some(Output::Json) => document::value(Form::Json, &found, out)?,
        Some(Output::Yaml) => document::value(Form::Yaml, &found, out)?,
        None => lines(&found, out),
    }
    asked
}

fn lines(found: &Versions, out: &mut dyn Write) {
    let mut lines = vec![format!("client     {}", found.client)];
    for operator in &found.operators {
        let version = operator.version.as_deref().unwrap_or("unknown");
        let Operator {
            namespace,
            name,
            image,
            ready,
            wanted,
            ..
        } = operator;
        lines.push(format!(
            "operator   {version}, {namespace}/{name}, image {image}, {ready} of {wanted} ready"
        ));
    }
    lines.extend(found.cluster.iter().map(|version| format!("cluster    {version}")));
    if !found.kinds.is_empty() {
        lines.push(format!("kinds      {} of {GROUP}/{VERSION}", found.kinds.join(", ")));
    }
    lines.extend(found.says.iter().cloned());
    for line in lines {
        // A reader that has gone wants nothing more.
        let _ = writeln!(out, "{line}");
    }
}

fn ask(args: &Args, found: &mut Versions) -> Result<(), Fault> {
    let session = args.cluster.connect()?;
    session.block_on(async {
        let version = session
            .ask("ask for the cluster's version", session.client.apiserver_version())
            .await?;
        found.cluster = Some(version.git_version);
        operators(args, &session, found).await?;
        kinds(&session, found).await
    })?;
    let versions: Vec<_> = found.operators.iter().map(|o| o.version.as_deref()).collect();
    found.says.extend(skew::words(&found.client, &versions));
    Ok(())
}

async fn operators(args: &Args, session: &Session, found: &mut Versions) -> Result<(), Fault> {
    let all: Api<Deployment> = match &args.operator_namespace {
        Some(namespace) => Api::namespaced(session.client.clone(), namespace),
        None => Api::all(session.client.clone()),
    };
    let params = ListParams::default().labels(INSTALLED).limit(10);
    match session.ask("list the operator's Deployments", all.list(&params)).await {
        Ok(list) => {
            found.operators = list.items.iter().map(operator).collect();
            if found.operators.is_empty() {
                found.says.push(format!(
                    "no operator was found: there is no Deployment labelled {INSTALLED}; --operator-namespace looks in one namespace"
                ));
            }
        }
        Err(fault) if fault.is_forbidden() => found.says.push(
            "you may not see the operator: it takes `list` on Deployments, of its namespace with --operator-namespace"
                .into(),
        ),
        Err(fault) => return Err(fault),
    }
    Ok(())
}

fn operator(deployment: &Deployment) -> Operator {
    let spec = deployment.spec.as_ref();
    let containers = spec
        .and_then(|s| s.template.spec.as_ref())
        .map(|s| s.containers.as_slice());
    let image = containers
        .and_then(|all| all.first()?.image.clone())
        .unwrap_or_default();
    let label = deployment.labels().get("app.kubernetes.io/version").cloned();
    Operator {
        namespace: deployment.namespace().unwrap_or_default(),
        name: deployment.name_any(),
        version: skew::of_image(&image).or_else(|| skew::of_text(&label?)),
        image,
        ready: deployment.status.as_ref().and_then(|s| s.ready_replicas).unwrap_or(0),
        wanted: spec.and_then(|s| s.replicas).unwrap_or(1),
    }
}

/// The kinds as the cluster serves them, and where one may see that, whether they have all fields that this program knows.
async fn kinds(session: &Session, found: &mut Versions) -> Result<(), Fault> {
    let group = format!("{GROUP}/{VERSION}");
    let served = session
        .ask("ask for the kinds", session.client.list_api_group_resources(&group))
        .await;
    match served {
        Ok(list) => {
            let names = list
                .resources
                .into_iter()
                .map(|r| r.name)
                .filter(|name| !name.contains('/'));
            found.kinds = names.collect();
            found.kinds.sort();
        }
        Err(fault) if fault.is_missing() => {
            found.says.push(
                "the operator's kinds are not installed in this cluster: apply install.yaml, or install the chart"
                    .into(),
            );
            return Ok(());
        }
        Err(fault) => return Err(fault),
    }
    let all: Api<CustomResourceDefinition> = Api::all(session.client.clone());
    let ours = api::schema::crds().unwrap_or_default();
    for own in &ours {
        let Some(name) = own.pointer("/metadata/name").and_then(|n| n.as_str()) else {
            continue;
        };
        match session.ask(&format!("get the CRD {name}"), all.get_opt(name)).await {
            Ok(Some(theirs)) => {
                let theirs = serde_json::to_value(&theirs).unwrap_or_default();
                found.says.extend(kinds::words(name, &kinds::lacks(own, &theirs)));
            }
            Ok(None) => found.says.push(format!(
                "{name} is not installed: apply crds.yaml of version {}",
                found.client
            )),
            Err(fault) if fault.is_forbidden() => {
                found
                    .says
                    .push("you may not see the CRDs: whether they have the fields of this version is not known".into());
                return Ok(());
            }
            Err(fault) => return Err(fault),
        }
    }
    Ok(())
}
