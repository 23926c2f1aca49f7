//! Commands in the tests' own Pods: they load and compare what the operator backs up.
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::AttachParams;
use kube::{Api, Client};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

/// Until a command has ended.
const COMMAND: Duration = Duration::from_secs(150);

/// Runs a command in the only container of a Pod; its standard output, or what went wrong.
pub async fn exec(client: &Client, namespace: &str, pod: &str, command: &[&str]) -> Result<String, String> {
    exec_in(client, namespace, (pod, None), command).await
}

/// The same in one container of several.
pub async fn exec_in(
    client: &Client,
    namespace: &str,
    (pod, container): (&str, Option<&str>),
    command: &[&str],
) -> Result<String, String> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let work = async {
        let mut parameters = AttachParams::default().stderr(true);
        parameters.container = container.map(Into::into);
        let mut process = pods
            .exec(pod, command.to_vec(), &parameters)
            .await
            .map_err(|e| e.to_string())?;
        let (mut out, mut err) = (String::new(), String::new());
        let mut stdout = process.stdout().ok_or("no stdout")?;
        let mut stderr = process.stderr().ok_or("no stderr")?;
        let status = process.take_status().ok_or("no status")?;
        let (read, read_err, status) =
            tokio::join!(stdout.read_to_string(&mut out), stderr.read_to_string(&mut err), status);
        read.and(read_err).map_err(|e| e.to_string())?;
        match status.and_then(|s| s.status) {
            Some(word) if word == "Success" => Ok(out),
            other => Err(format!("{other:?}: {out}{err}")),
        }
    };
    timeout(COMMAND, work)
        .await
        .unwrap_or_else(|_| Err(format!("did not end within {} s", COMMAND.as_secs())))
}
