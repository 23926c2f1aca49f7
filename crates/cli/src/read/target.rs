//! What a name on the command line means: `run/NAME`, `schedule/NAME`, `drill/NAME`, `storage/NAME`, or a bare name that only one of them has.
use api::names::is_subdomain;
use api::{BackupDrill, BackupRun, BackupSchedule, BackupStorage};

use crate::read::connect::Session;
use crate::read::fault::Fault;
use crate::read::objects::Kind;

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// A `BackupRun`.
    Run,
    /// A `BackupSchedule`.
    Schedule,
    /// A `BackupDrill`.
    Drill,
    /// A `BackupStorage`.
    Storage,
}

impl Of {
    /// As people and the verbs call it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Run => BackupRun::SINGULAR,
            Self::Schedule => BackupSchedule::SINGULAR,
            Self::Drill => BackupDrill::SINGULAR,
            Self::Storage => BackupStorage::SINGULAR,
        }
    }

    fn named(word: &str) -> Option<Self> {
        Some(match word.to_lowercase().as_str() {
            "run" | "runs" | "br" | "backuprun" | "backupruns" => Self::Run,
            "schedule" | "schedules" | "bs" | "backupschedule" | "backupschedules" => Self::Schedule,
            "drill" | "drills" | "bd" | "backupdrill" | "backupdrills" => Self::Drill,
            "storage" | "storages" | "bt" | "backupstorage" | "backupstorages" => Self::Storage,
            _ => return None,
        })
    }
}

/// A kind where one is named, and the name.
///
/// # Errors
/// In words: what stands before the slash is no kind of `among`, or there is no name.
pub fn parse(text: &str, among: &[Of]) -> Result<(Option<Of>, String), String> {
    let kinds = among.iter().map(|of| format!("{}/NAME", of.word())).collect::<Vec<_>>();
    let wrong = || format!("{text:?} is no {}", kinds.join(" or "));
    let (of, name) = match text.split_once('/') {
        None => (None, text),
        Some((kind, name)) => (
            Some(Of::named(kind).filter(|of| among.contains(of)).ok_or_else(wrong)?),
            name,
        ),
    };
    if name.is_empty() || name.contains('/') {
        return Err(wrong());
    }
    // It becomes a part of a URL: `a?b` would ask for `a`.
    if !is_subdomain(name) {
        return Err(format!(
            "{name:?} can be the name of no object: they have lower case letters, digits, - and ., a letter or digit first and last"
        ));
    }
    Ok((of, name.into()))
}

/// The name of an object of the one kind that `verb` is for: `shop` or `run/shop`.
///
/// # Errors
/// It is of another kind, or no name.
pub fn only(of: Of, text: &str, verb: &str) -> Result<String, Fault> {
    let wrong = |why| Fault::new(format!("{verb} {text}"), why, format!("kubectl backup {verb} --help"));
    parse(text, &[of]).map(|(_, name)| name).map_err(wrong)
}

/// The name of an object that is a schedule, unless it says that it is a drill: `nightly`, `schedule/nightly` or `drill/weekly`.
///
/// # Errors
/// It is of another kind, or no name.
pub fn schedule_or_drill(text: &str, verb: &str) -> Result<(Of, String), Fault> {
    let wrong = |why| Fault::new(format!("{verb} {text}"), why, format!("kubectl backup {verb} --help"));
    let (of, name) = parse(text, &[Of::Schedule, Of::Drill]).map_err(wrong)?;
    Ok((of.unwrap_or(Of::Schedule), name))
}

/// The name of a storage, where an argument is nothing else: `minio` or `storage/minio`.
///
/// # Errors
/// It is of another kind, or no name.
pub fn storage(text: &str) -> Result<String, String> {
    parse(text, &[Of::Storage]).map(|(_, name)| name)
}

/// The objects of a name, one of each kind at most.
#[derive(Debug, Default)]
pub struct Named {
    /// The run.
    pub run: Option<BackupRun>,
    /// The schedule.
    pub schedule: Option<BackupSchedule>,
    /// The drill.
    pub drill: Option<BackupDrill>,
    /// The storage.
    pub storage: Option<BackupStorage>,
}

impl Session {
    /// The one object that is meant. `verb` is what is to be done, for the command that is to be tried instead.
    ///
    /// # Errors
    /// There is none, more than one kind has it, or it cannot be read.
    pub async fn named(&self, verb: &str, text: &str, among: &[Of]) -> Result<Named, Fault> {
        let place = &self.namespace;
        let doing = format!("{verb} {text}");
        let usage = format!("kubectl backup {verb} --help");
        let (of, name) = parse(text, among).map_err(|why| Fault::new(&doing, why, usage))?;
        let is_meant = |kind| among.contains(&kind) && of.is_none_or(|of| of == kind);
        let mut found = Named::default();
        if is_meant(Of::Run) {
            found.run = self.find(place, &name).await?;
        }
        if is_meant(Of::Schedule) {
            found.schedule = self.find(place, &name).await?;
        }
        if is_meant(Of::Drill) {
            found.drill = match self.find(place, &name).await {
                // A cluster whose CRDs are older has none.
                Err(fault) if (fault.is_unknown() || fault.is_missing()) && of.is_none() => None,
                other => other?,
            };
        }
        if is_meant(Of::Storage) {
            // Storages are of the whole cluster, and not everybody's to see: who means a run of his own need not say so.
            let of_another = found.run.is_some() || found.schedule.is_some() || found.drill.is_some();
            found.storage = match self.find(place, &name).await {
                Err(fault) if fault.is_forbidden() && of_another && of.is_none() => None,
                other => other?,
            };
        }
        one(&found).map_err(|why| match why {
            Several::None => Fault::new(
                &doing,
                format!("there is no {} {name} in namespace {place}", words(of, among)),
                format!("kubectl backup list runs -n {place}, or -n with another namespace"),
            ),
            Several::Kinds(kinds) => {
                let next: Vec<_> = kinds
                    .iter()
                    .map(|of| format!("kubectl backup {verb} {}/{name} -n {place}", of.word()))
                    .collect();
                Fault::new(
                    &doing,
                    format!("{name} is the name of more than one object"),
                    next.join(", or "),
                )
            }
        })?;
        Ok(found)
    }
}

fn words(of: Option<Of>, among: &[Of]) -> String {
    let kinds = of.map_or(among.to_vec(), |of| vec![of]);
    kinds.iter().map(|of| of.word()).collect::<Vec<_>>().join(" or ")
}

/// Not one.
#[derive(Debug, PartialEq, Eq)]
enum Several {
    None,
    Kinds(Vec<Of>),
}

fn one(found: &Named) -> Result<(), Several> {
    let there: Vec<_> = [
        (Of::Run, found.run.is_some()),
        (Of::Schedule, found.schedule.is_some()),
        (Of::Drill, found.drill.is_some()),
        (Of::Storage, found.storage.is_some()),
    ]
    .into_iter()
    .filter_map(|(of, is)| is.then_some(of))
    .collect();
    match there.len() {
        0 => Err(Several::None),
        1 => Ok(()),
        _ => Err(Several::Kinds(there)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_say_its_kind_as_people_call_it() {
        let both = [Of::Run, Of::Schedule];
        for (text, wanted) in [
            ("shop", Some((None, "shop"))),
            ("run/shop", Some((Some(Of::Run), "shop"))),
            ("br/shop", Some((Some(Of::Run), "shop"))),
            ("BackupSchedule/shop", Some((Some(Of::Schedule), "shop"))),
            ("bd/shop", None),
            ("storage/shop", None),
            ("pod/shop", None),
            ("run/", None),
            ("run/a/b", None),
            ("a?b", None),
            ("run/n1?dryRun=All", None),
            ("..", None),
            ("Shop", None),
            ("", None),
        ] {
            let found = parse(text, &both).ok();
            assert_eq!(found, wanted.map(|(of, name)| (of, name.to_string())), "{text:?}");
        }
        assert_eq!(storage("bt/minio"), Ok("minio".into()));
        let fault = only(Of::Run, "schedule/shop", "keep").unwrap_err().to_string();
        let wanted = "cannot keep schedule/shop: \"schedule/shop\" is no run/NAME\ntry: kubectl backup keep --help";
        assert_eq!(fault, wanted);
        assert!(parse("pod/x", &both).unwrap_err().contains("run/NAME or schedule/NAME"));
    }

    #[test]
    fn one_object_is_meant_and_no_other() {
        let mut found = Named::default();
        assert_eq!(one(&found), Err(Several::None));
        found.run = Some(testing::backup_run());
        assert_eq!(one(&found), Ok(()));
        found.storage = serde_json::from_value(serde_json::json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupStorage", "metadata": {"name": "s"}, "spec": {"type": "s3", "parameters": {"bucket": "backups"}},
        }))
        .ok();
        assert_eq!(one(&found), Err(Several::Kinds(vec![Of::Run, Of::Storage])));
    }
}
