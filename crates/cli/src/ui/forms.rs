//! What the buttons do: each what the verb of that name does, where the form is one that was given out.
use api::BackupRun;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use kube::ResourceExt;
use planner::schedule::observed::is_being_restored;
use serde::Deserialize;

use crate::act;
use crate::commands::restore::{choose, plan};
use crate::follow::doing::{Doing, of as doing_of};
use crate::follow::stop;
use crate::stored::cluster::of_run;
use crate::stored::flags::By;
use crate::ui::pages;
use crate::ui::site::{Answer, Refused, Site, named, page};

/// What a form brings back.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    on: bool,
}

/// The namespace and the name of an object, where the form is one of ours.
fn given(site: &Site, which: (String, String), asked: &Asked) -> Result<(String, String), Refused> {
    if site.door.is_given(&asked.csrf) {
        return named(which);
    }
    let words = "The form is not one of this page: load the page before it again.";
    Err(Refused(StatusCode::FORBIDDEN, words.into()))
}

/// A run of a schedule, now.
pub async fn run_now(
    State(site): State<Site>,
    Path(which): Path<(String, String)>,
    Form(asked): Form<Asked>,
) -> Answer {
    let (namespace, name) = given(&site, which, &asked)?;
    act::trigger::<api::BackupSchedule>(&site.session, &namespace, &name, None).await?;
    Ok(Redirect::to(&format!("/schedules/{namespace}/{name}")).into_response())
}

/// The run, where a restore of it may be asked for.
async fn restorable(site: &Site, namespace: &str, name: &str) -> Result<BackupRun, Refused> {
    let run: BackupRun = site.session.get(namespace, name).await?;
    let why = match choose::unrestorable(&run) {
        Some((why, _)) => why,
        None if is_being_restored(&run) => "a restore of it is under way or waits already".into(),
        None => return Ok(run),
    };
    Err(Refused(
        StatusCode::CONFLICT,
        format!("cannot restore run {name}: {why}"),
    ))
}

/// The question before a restore.
pub async fn confirm(State(site): State<Site>, Path(which): Path<(String, String)>) -> Answer {
    let (namespace, name) = named(which)?;
    let run = restorable(&site, &namespace, &name).await?;
    let shown = plan::shown(&run, &run, &namespace, Timestamp::now());
    let may = site.rights.may_change::<BackupRun>(&site.session, &namespace).await;
    page(pages::confirm(&site.frame(), &run, &shown, may))
}

/// A restore of what was shown.
pub async fn restore(
    State(site): State<Site>,
    Path(which): Path<(String, String)>,
    Form(asked): Form<Asked>,
) -> Answer {
    let (namespace, name) = given(&site, which, &asked)?;
    let run = restorable(&site, &namespace, &name).await?;
    // What was shown is what is restored.
    if run.resource_version().as_deref() != Some(asked.version.as_str()) {
        let words = format!(
            "cannot restore run {name}: it was changed after it was shown. Go back, look again, and confirm again."
        );
        return Err(Refused(StatusCode::CONFLICT, words));
    }
    act::restore(&site.session, &namespace, &name, Some(&asked.version)).await?;
    Ok(to_run(&namespace, &name))
}

/// The end of what is under way.
pub async fn cancel(State(site): State<Site>, Path(which): Path<(String, String)>, Form(asked): Form<Asked>) -> Answer {
    let (namespace, name) = given(&site, which, &asked)?;
    let run: BackupRun = site.session.get(&namespace, &name).await?;
    if doing_of(&run) == Doing::Nothing {
        let words = format!("cannot cancel run {name}: nothing is under way: it has ended");
        return Err(Refused(StatusCode::CONFLICT, words));
    }
    stop::cancel(&site.session, &namespace, &name).await?;
    Ok(to_run(&namespace, &name))
}

/// That rotation passes a run by, or counts it again.
pub async fn keep(State(site): State<Site>, Path(which): Path<(String, String)>, Form(asked): Form<Asked>) -> Answer {
    let (namespace, name) = given(&site, which, &asked)?;
    act::keep(&site.session, &namespace, &name, asked.on).await?;
    Ok(to_run(&namespace, &name))
}

/// The reading of a backup's object to its end, by URLs that the operator signs for who may. It goes on behind the pages.
pub async fn verify(State(site): State<Site>, Path(which): Path<(String, String)>, Form(asked): Form<Asked>) -> Answer {
    let (namespace, name) = given(&site, which, &asked)?;
    let run: BackupRun = site.session.get(&namespace, &name).await?;
    let source = of_run(&site.session, &run, None, (By::default(), &site.reached), true).await?;
    let slower = format!("kubectl backup verify {name} -n {namespace}");
    let begun = site.checks.begin(run.uid().unwrap_or_default(), source, &slower);
    begun.map_err(|why| Refused(StatusCode::CONFLICT, format!("cannot verify run {name}: {why}")))?;
    Ok(to_run(&namespace, &name))
}

fn to_run(namespace: &str, name: &str) -> Response {
    Redirect::to(&format!("/runs/{namespace}/{name}")).into_response()
}
