//! One request for admission: all faults of the object at once, then what the cluster says, then what is unwise.
use std::collections::BTreeMap;
use std::sync::Arc;

use api::source::Source;
use api::{BackupDrill, BackupRun, BackupRunSpec, BackupSchedule, BackupStorage};
use jiff::Timestamp;
use k8s_openapi::api::authentication::v1::UserInfo;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, Resource, ResourceExt};
use planner::advise;
use planner::notify::Hosts;
use planner::run::cure::with_cure;
use planner::run::pod::AgentSettings;
use planner::run::{AgentVolume, Carrier, carrier};
use planner::storage::access;
use planner::validate::run::ValidRun;
use planner::validate::{self, Fault, notifications};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::neighbours;
use super::requester::{self, Need};
use super::trial::{self, Outcome};
use crate::volumes::Volumes;

/// What is looked at.
pub struct Asked {
    /// The kind, as its CRD names it.
    pub kind: String,
    /// Where it is, unless it is a storage.
    pub namespace: Option<String>,
    /// As it would be stored.
    pub object: Box<RawValue>,
    /// Who asks.
    pub user: UserInfo,
}

/// What is answered.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Why it is refused; none: it is admitted.
    pub faults: Vec<Fault>,
    /// It is refused for want of a right, not for what it is.
    pub forbidden: bool,
    /// What is legal but unwise.
    pub warnings: Vec<String>,
}

impl Answer {
    fn refused(faults: Vec<Fault>) -> Self {
        Self {
            faults,
            ..Self::default()
        }
    }

    /// Faults as people read them: one a line where there are several.
    pub fn message(&self) -> String {
        match self.faults.as_slice() {
            [one] => one.to_string(),
            all => all.iter().fold(format!("{} faults:", all.len()), |text, fault| {
                format!("{text}\n* {fault}")
            }),
        }
    }
}

/// Why there is no answer: the API server did not give one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object is none of ours.
    #[error("the webhook was asked about {0}, which it knows nothing of")]
    Kind(String),
    /// A look-up failed.
    #[error("{0} cannot be looked up now: {1}")]
    Api(&'static str, #[source] kube::Error),
}

/// Looks at requests.
pub struct Reviewer {
    /// To reach the API server.
    pub client: Client,
    /// How the agent is put into Pods.
    pub agent: AgentSettings,
    /// Whether image volumes are served.
    pub volumes: Arc<Volumes>,
    /// Whether who asks has to have the rights that the operator uses for him.
    pub check_requester: bool,
    /// Where notifications of schedules may go.
    pub notification_hosts: Hosts,
}

impl Reviewer {
    /// Looks at one.
    pub async fn review(&self, asked: Asked) -> Result<Answer, Error> {
        match asked.kind.as_str() {
            "BackupStorage" => self.storage(&asked).await,
            "BackupSchedule" => self.schedule(&asked).await,
            "BackupRun" => self.run(&asked).await,
            "BackupDrill" => self.drill(&asked).await,
            other => Err(Error::Kind(other.into())),
        }
    }

    async fn storage(&self, asked: &Asked) -> Result<Answer, Error> {
        let storage: BackupStorage = match read(&asked.object) {
            Ok(storage) => storage,
            Err(fault) => return Ok(Answer::refused(vec![fault])),
        };
        if let Err(faults) = validate::storage::validate(&storage.spec, store::parameters::faults) {
            return Ok(Answer::refused(faults));
        }
        let refusals = self.refusals(requester::of_storage(&storage.spec), &asked.user).await?;
        Ok(Answer {
            forbidden: !refusals.is_empty(),
            faults: refusals,
            warnings: texts(&advise::storage(&storage)),
        })
    }

    async fn schedule(&self, asked: &Asked) -> Result<Answer, Error> {
        let schedule: BackupSchedule = match read(&asked.object) {
            Ok(schedule) => schedule,
            Err(fault) => return Ok(Answer::refused(vec![fault])),
        };
        let notifications = &schedule.spec.notifications;
        let nowhere = notifications::refused("spec.notifications", notifications, &self.notification_hosts);
        let valid = match validate::schedule::validate(&schedule) {
            Ok(valid) if nowhere.is_empty() => valid.run,
            Ok(_) => return Ok(Answer::refused(nowhere)),
            Err(mut faults) => {
                faults.extend(nowhere);
                return Ok(Answer::refused(faults));
            }
        };
        let field = "spec.template.spec";
        let spec = &schedule.spec.template.spec;
        let mut run = BackupRun::new(&api::names::run_of(&schedule.name_any(), 0), spec.clone());
        run.metadata.namespace = asked.namespace.clone();
        let (mut answer, storage) = self.both(asked, &run, &valid, field).await?;
        if let Some(refused) = answer.trial.take() {
            answer.said.warnings.push(format!(
                "{field}.template: runs of this schedule would get no Pod: {refused}"
            ));
        }
        answer
            .said
            .warnings
            .extend(texts(&advise::schedule(&schedule, storage.as_ref(), Timestamp::now())));
        Ok(answer.said)
    }

    async fn run(&self, asked: &Asked) -> Result<Answer, Error> {
        let run: BackupRun = match read(&asked.object) {
            Ok(run) => run,
            Err(fault) => return Ok(Answer::refused(vec![fault])),
        };
        let valid = match validate::run::validate(&run.spec) {
            Ok(valid) => valid,
            Err(faults) => return Ok(Answer::refused(faults)),
        };
        let (mut answer, storage) = self.both(asked, &run, &valid, "spec").await?;
        if let Some(refused) = answer.trial.take() {
            answer.said.faults.push(Fault::new(
                "spec.template",
                format!("the run would get no Pod: {refused}"),
            ));
        }
        answer
            .said
            .warnings
            .extend(texts(&advise::run(&run.spec, "spec", storage.as_ref())));
        answer.said.warnings.extend(texts(&advise::marks(&run)));
        Ok(answer.said)
    }

    async fn drill(&self, asked: &Asked) -> Result<Answer, Error> {
        let drill: BackupDrill = match read(&asked.object) {
            Ok(drill) => drill,
            Err(fault) => return Ok(Answer::refused(vec![fault])),
        };
        let valid = match validate::drill::validate(&drill) {
            Ok(valid) => valid.run,
            Err(faults) => return Ok(Answer::refused(faults)),
        };
        let image = (self.agent.image.as_str(), self.agent.image_pull_policy.as_str());
        let mut spec = validate::drill::would_be_of(&drill, image);
        // Nothing is picked yet.
        spec.source = Some(Source {
            schedule: Some(drill.spec.source.schedule.clone()),
            ..Source::default()
        });
        let mut run = BackupRun::new(&api::names::run_of(&drill.name_any(), 0), spec);
        run.metadata.namespace = asked.namespace.clone();
        let (mut answer, _) = self.both(asked, &run, &valid, "spec").await?;
        if let Some(refused) = answer.trial.take() {
            let words = format!("spec: runs of this drill would get no Pod: {refused}");
            answer.said.warnings.push(words);
        }
        answer.said.warnings.extend(texts(&advise::drill(&drill)));
        Ok(answer.said)
    }

    /// What holds for a run and for the runs of a schedule: the storage, the requester, the Pod.
    async fn both(
        &self,
        asked: &Asked,
        run: &BackupRun,
        valid: &ValidRun,
        field: &str,
    ) -> Result<(Tried, Option<BackupStorage>), Error> {
        let namespace = asked.namespace.as_deref().unwrap_or_default();
        let copies = run
            .spec
            .copies
            .iter()
            .map(|copy| self.storage_of(&copy.storage, namespace));
        let (storage, copies, refusals) = futures::join!(
            self.own_storage(&run.spec, namespace),
            futures::future::try_join_all(copies),
            self.refusals(requester::of_run(&run.spec, field, namespace), &asked.user),
        );
        let (storage, mut faults, refusals) = match (storage?, refusals?) {
            (Ok(storage), refusals) => (storage, Vec::new(), refusals),
            (Err(why), refusals) => {
                let field = format!("{field}.storage.name");
                (None, vec![Fault::new(field, why)], refusals)
            }
        };
        let mut of_copies = Vec::new();
        for (n, (copy, found)) in run.spec.copies.iter().zip(copies?).enumerate() {
            match found {
                Ok(Some(storage)) => of_copies.extend(texts(&advise::copy(&run.spec, field, n, &storage))),
                Ok(None) => of_copies.push(format!(
                    "{field}.copies[{n}].storage: there is no BackupStorage {:?} yet; the copy waits for it",
                    copy.storage
                )),
                Err(why) => faults.push(Fault::new(format!("{field}.copies[{n}].storage"), why)),
            }
        }
        let forbidden = !refusals.is_empty();
        faults.extend(refusals);
        let mut tried = Tried {
            said: Answer {
                faults,
                forbidden,
                warnings: Vec::new(),
            },
            trial: None,
        };
        if !tried.said.faults.is_empty() {
            // What the Pod would be told says something of the namespace: not to somebody without a right there.
            return Ok((tried, storage));
        }
        if storage.is_none() && run.spec.source.is_none() {
            tried.said.warnings.push(format!(
                "{field}.storage.name: there is no BackupStorage {:?} yet; a backup waits for it, a run that only restores until its startDeadlineSeconds have passed",
                run.spec.storage.name
            ));
        }
        tried.said.warnings.append(&mut of_copies);
        if run.annotations().contains_key(api::labels::STARTED_AS) {
            // It has lived before: nothing of it is executed, and what a restore of it needs is looked at when one is asked for. Thousands of
            // them come at once when a bucket is imported.
            return Ok((tried, storage));
        }
        let template = &run.spec.template;
        let near = neighbours::all(&self.client, namespace, &asked.user, template).await;
        tried.said.warnings.extend(texts(&advise::neighbours::neighbours(
            template,
            &format!("{field}.template"),
            &near,
        )));
        for carrier in self.carriers(namespace, run) {
            let Some(pod) = trial::pod(run, valid, &self.agent, carrier) else {
                break;
            };
            tried.trial = None;
            match trial::attempt(&self.client, namespace, &pod).await {
                Outcome::Taken => break,
                Outcome::Refused(why) => tried.trial = Some(with_cure(&why, run, field, &self.agent, carrier)),
                Outcome::Unknown(why) => {
                    tried
                        .said
                        .warnings
                        .push(format!("{field}.template: the Pod could not be tried: {why}"));
                    break;
                }
            }
        }
        Ok((tried, storage))
    }

    /// What is to carry the agent into the Pod, and what is tried next where that is refused, as for the real one.
    fn carriers(&self, namespace: &str, run: &BackupRun) -> Vec<Carrier> {
        let asked = self.agent.volume;
        let first = carrier::choose(asked, &self.volumes.served(), namespace, &run.spec.template.spec);
        let next = asked == AgentVolume::Auto && first == Carrier::ImageVolume;
        [first]
            .into_iter()
            .chain(next.then_some(Carrier::InitContainer))
            .collect()
    }

    /// The storage that a run names. Where a source lies is known when it was picked, and is looked at then.
    async fn own_storage(
        &self,
        spec: &BackupRunSpec,
        namespace: &str,
    ) -> Result<Result<Option<BackupStorage>, String>, Error> {
        match &spec.source {
            Some(_) => Ok(Ok(None)),
            None => self.storage_of(&spec.storage.name, namespace).await,
        }
    }

    /// The storage of that name, if it is there; or why it may not be used from that namespace.
    async fn storage_of(&self, name: &str, namespace: &str) -> Result<Result<Option<BackupStorage>, String>, Error> {
        let storages: Api<BackupStorage> = Api::all(self.client.clone());
        let found = storages.get_opt(name).await;
        let Some(storage) = found.map_err(|e| Error::Api("the storage", e))? else {
            return Ok(Ok(None));
        };
        let mut labels = BTreeMap::new();
        if access::needs_labels(&storage.spec) {
            let namespaces: Api<Namespace> = Api::all(self.client.clone());
            let found = namespaces.get(namespace).await;
            labels = found.map_err(|e| Error::Api("the namespace", e))?.labels().clone();
        }
        Ok(access::allows(&storage.spec, &storage.name_any(), namespace, &labels).map(|()| Some(storage)))
    }

    async fn refusals(&self, needs: Vec<Need>, user: &UserInfo) -> Result<Vec<Fault>, Error> {
        let mut refusals = Vec::new();
        if self.check_requester {
            for need in needs {
                let may = need.may(&self.client, user).await;
                if !may.map_err(|e| Error::Api("the requester's rights", e))? {
                    refusals.push(need.refusal(user));
                }
            }
        }
        Ok(refusals)
    }
}

/// An answer, and what became of the Pod that was tried.
struct Tried {
    said: Answer,
    trial: Option<String>,
}

fn read<K: Resource + DeserializeOwned>(object: &RawValue) -> Result<K, Fault> {
    validate::values::count(&mut serde_json::Deserializer::from_str(object.get()))
        .and_then(|_| serde_json::from_str(object.get()))
        .map_err(|e| Fault::new("spec", format!("cannot be read: {e}")))
}

fn texts(faults: &[Fault]) -> Vec<String> {
    faults.iter().map(ToString::to_string).collect()
}
