//! `support`: everything that whoever is to help needs, in one archive, and no secret.
mod ask;
mod collect;
mod named;
mod operator;
mod pack;
mod redact;

use std::cell::RefCell;
use std::io::Write;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::json;

use ask::{Kubectl, Refusal};
use collect::Collect;
use named::Named;
use pack::Bundle;

/// What stands beside the files, so that whoever gets them alone can read them.
const READ_ME: &str = "\
What `kubectl backup support` collected. left-out.txt says what is not here and why.

versions.json    cluster, operator, kubectl, kubectl-backup
operator/        Deployments, Lease, webhook configuration, versions of the CRDs, Pods, their logs and metrics
storages.json    BackupStorages            schedules.json   BackupSchedules
runs.json        BackupRuns                pods.json        Pods of runs
events.json      Events of all of these

No Secret was read. Taken out (***): values of environment variables and of headers, annotations of other tools, parameters of
storages that are, or may be, keys; in commands, messages and logs what has one of the usual forms of a secret (--password=***,
https://user:***@host). A secret without a form in a command's arguments is not found: look through it before you pass it on.
";

/// What to collect.
#[derive(clap::Args)]
pub struct Args {
    /// Objects of this namespace only, may be given more than once; BackupStorages and the operator's own belong to it all the same. Default: all namespaces.
    #[arg(short, long = "namespace", value_name = "NAMESPACE")]
    namespaces: Vec<String>,
    /// Where the operator is. Default: where its Deployment is found, or backup-operator.
    #[arg(long, value_name = "NAMESPACE")]
    operator_namespace: Option<String>,
    /// The archive, which must not exist yet. Default: backup-support-TIME.tar.gz.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// MiB of the files together, before they are compressed.
    #[arg(long, value_name = "MIB", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1024))]
    max_size: u16,
    /// Lines of each log of the operator's, its last ones.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    log_lines: u32,
    /// As kubectl's.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<String>,
    /// As kubectl's.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// As kubectl's: the user to ask as.
    #[arg(long = "as", value_name = "USER")]
    user: Option<String>,
    /// The kubectl that asks the cluster.
    #[arg(long, value_name = "PROGRAM", env = "KUBECTL", default_value = "kubectl")]
    kubectl: PathBuf,
}

/// Collects, and says what is in the archive and what is not.
pub fn run(args: &Args, out: &mut Vec<u8>) -> Result<(), String> {
    let now = Timestamp::now();
    let mut flags = vec!["--request-timeout=50s".to_string()];
    for (flag, value) in [
        ("kubeconfig", &args.kubeconfig),
        ("context", &args.context),
        ("as", &args.user),
    ] {
        flags.extend(value.iter().map(|value| format!("--{flag}={value}")));
    }
    let kubectl = Kubectl::new(args.kubectl.clone(), flags);
    let cluster = match kubectl.json("/version") {
        Ok(version) => version,
        Err(Refusal::Forbidden(why)) => json!(format!("not allowed: {why}")),
        Err(why) => return Err(format!("the cluster does not answer: {why}")),
    };
    let mut bundle = Bundle::new(usize::from(args.max_size) << 20);
    bundle.file("README.txt", READ_ME.into());
    let named = Named::look(&kubectl, &args.namespaces);
    let collect = Collect {
        kubectl: &kubectl,
        namespaces: &args.namespaces,
        home: args.operator_namespace.as_deref(),
        log_lines: args.log_lines,
        found: RefCell::default(),
    };
    collect.all(cluster, &mut bundle);
    let slips = named.notes(&collect.found.borrow());
    for slip in &slips {
        bundle.left_out(slip.clone());
    }

    let folder = format!("backup-support-{}", now.strftime("%Y%m%dT%H%M%SZ"));
    let path = args.output.clone().unwrap_or_else(|| format!("{folder}.tar.gz").into());
    let notes = bundle.notes().to_vec();
    let left_out = notes.iter().map(|note| format!("- {note}\n")).collect::<String>();
    bundle.last(
        "left-out.txt",
        if notes.is_empty() {
            "nothing\n".into()
        } else {
            left_out.clone()
        },
    );
    let files = bundle.len();
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    let size = bundle
        .write(&path, &folder, seconds)
        .map_err(|e| format!("{}: cannot be written: {e}", path.display()))?;
    let _ = writeln!(out, "{}: {files} files, {} KiB", path.display(), size.div_ceil(1024));
    if !notes.is_empty() {
        let _ = write!(out, "left out:\n{left_out}");
    }
    let _ = writeln!(
        out,
        "secrets were taken out where they are known by their place or form; names of objects, hosts and paths are in it: look through it before you pass it on"
    );
    let slips = slips.join("\n");
    if named.are_all_missing() {
        return Err(format!(
            "{slips}: nothing of its backups is in the archive; kubectl get namespaces lists those that there are"
        ));
    }
    if !slips.is_empty() {
        // Standard output may be read by a program, and a slip is for whoever typed it.
        tell!("{slips}");
    }
    Ok(())
}
