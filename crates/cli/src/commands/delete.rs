//! `delete`: a run, a schedule or a storage goes; what goes along and what stays is said before.
mod goes;

use std::io::Write;

use api::{BackupDrill, BackupRun, BackupSchedule, BackupStorage, labels};
use kube::api::{DeleteParams, Preconditions};
use kube::{Api, ResourceExt};

use crate::ask::confirm;
use crate::read::connect::{Cluster, Session};
use crate::read::fault::Fault;
use crate::read::objects::{Kind, Where};
use crate::read::target::{Named, Of};

/// What to delete.
#[derive(clap::Args)]
pub struct Args {
    /// A run, a schedule or a storage; `run/NAME`, `schedule/NAME` or `storage/NAME` where more than one has the name.
    #[arg(value_name = "RUN|SCHEDULE|STORAGE")]
    target: String,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    cluster: Cluster,
}

/// Shows what goes, asks, and deletes it.
///
/// # Errors
/// There is no such object, it is protected, it was not confirmed, or the API server refused.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), Fault> {
    let session = args.cluster.connect()?;
    session.block_on(work(&session, args, out))
}

async fn work(session: &Session, args: &Args, out: &mut dyn Write) -> Result<(), Fault> {
    let all = [Of::Run, Of::Schedule, Of::Drill, Of::Storage];
    let Named {
        run,
        schedule,
        drill,
        storage,
    } = session.named("delete", &args.target, &all).await?;
    if let Some(run) = run {
        let api: Api<BackupRun> = session.api(&session.namespace);
        return delete(session, args, &api, &run, &goes::of_run(&run), out).await;
    }
    if let Some(schedule) = schedule {
        let place = Where::Namespace(session.namespace.clone());
        let label = format!("{}={}", labels::SCHEDULE, schedule.name_any());
        let runs = session.list::<BackupRun>(&place, Some(&label)).await?;
        let api: Api<BackupSchedule> = session.api(&session.namespace);
        return delete(
            session,
            args,
            &api,
            &schedule,
            &goes::of_schedule(&schedule, &runs.objects),
            out,
        )
        .await;
    }
    if let Some(drill) = drill {
        let api: Api<BackupDrill> = session.api(&session.namespace);
        let goes = [
            "the runs of its drills go with it; no backup does, and what they have shown of backups stays with those"
                .to_string(),
        ];
        return delete(session, args, &api, &drill, &goes, out).await;
    }
    let Some(storage) = storage else { return Ok(()) };
    let name = storage.name_any();
    if storage.annotations().contains_key(labels::DELETION_PROTECTION) {
        let why = "it is protected: the operator puts an annotation on each storage, so that nobody deletes by mistake what all its backups are reached by. The bucket and its objects stay in any case";
        let next = format!(
            "kubectl annotate backupstorage {name} {}-, and then kubectl backup delete storage/{name}",
            labels::DELETION_PROTECTION
        );
        return Err(Fault::new(format!("delete storage {name}"), why, next));
    }
    // Who uses it may not be seen by who may delete it.
    let runs = session
        .list::<BackupRun>(&Where::All, None)
        .await
        .map(|found| found.objects);
    let schedules = session
        .list::<BackupSchedule>(&Where::All, None)
        .await
        .map(|found| found.objects);
    let goes = goes::of_storage(&storage, runs.ok().as_deref(), schedules.ok().as_deref());
    let api: Api<BackupStorage> = Api::all(session.client.clone());
    delete(session, args, &api, &storage, &goes, out).await
}

/// Only the object that was shown: another of its name is not deleted.
async fn delete<K: Kind>(
    session: &Session,
    args: &Args,
    api: &Api<K>,
    object: &K,
    goes: &[String],
    out: &mut dyn Write,
) -> Result<(), Fault> {
    let name = object.name_any();
    let doing = format!("delete {} {name}", K::SINGULAR);
    for line in goes {
        let _ = writeln!(out, "{line}");
    }
    let _ = out.flush();
    let place = if K::NAMESPACED {
        format!(" -n {}", session.namespace)
    } else {
        String::new()
    };
    let command = format!("kubectl backup delete {}/{name}{place}", K::SINGULAR);
    confirm(args.yes, &format!("Delete {} {name}?", K::SINGULAR), &doing, &command)?;
    let parameters = DeleteParams {
        preconditions: Some(Preconditions {
            uid: object.uid(),
            resource_version: None,
        }),
        ..DeleteParams::background()
    };
    session.ask(&doing, api.delete(&name, &parameters)).await?;
    let kind = K::kind(&()).to_lowercase();
    let _ = writeln!(out, "{kind}/{name} deleted");
    Ok(())
}
