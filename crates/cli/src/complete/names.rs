//! Names of objects for a shell, asked of the cluster that the words of the line name. What cannot be had soon is not offered.
use api::{BackupDrill, BackupRun, BackupSchedule, BackupStorage};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::config::Kubeconfig;
use kube::{Api, ResourceExt};

use crate::read::connect::{Cluster, Session, Who};
use crate::read::objects::{Kind, Where};

/// Seconds that somebody who has pressed Tab waits at most.
const PATIENCE: u64 = 3;
/// More names than these no shell shows.
const MOST: u32 = 500;

/// What is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// A namespace.
    Namespace,
    /// A run of the namespace.
    Run,
    /// A schedule of the namespace.
    Schedule,
    /// A drill of the namespace.
    Drill,
    /// A drill of the namespace, with its kind before it, where a bare name would be a schedule's.
    DrillAsSuch,
    /// A storage.
    Storage,
    /// A context of the kubeconfig.
    Context,
    /// A recipe of `init`, which no cluster is asked for.
    Recipe,
}

impl Of {
    /// By what a value is called in the help.
    pub fn called(name: &str) -> Option<Self> {
        match name {
            "NAMESPACE" => Some(Self::Namespace),
            "RUN" => Some(Self::Run),
            "SCHEDULE" => Some(Self::Schedule),
            "DRILL" => Some(Self::Drill),
            "drill/DRILL" => Some(Self::DrillAsSuch),
            "STORAGE" => Some(Self::Storage),
            "RECIPE" => Some(Self::Recipe),
            _ => None,
        }
    }
}

/// The names, as far as they can be had.
pub fn names(of: Of, words: &[String]) -> Vec<String> {
    if of == Of::Recipe {
        return crate::recipes().iter().map(|recipe| recipe.name.to_string()).collect();
    }
    let cluster = cluster(words);
    if of == Of::Context {
        let config = match &cluster.who.kubeconfig {
            Some(file) => Kubeconfig::read_from(file),
            None => Kubeconfig::read(),
        };
        return config
            .map(|config| config.contexts.into_iter().map(|c| c.name).collect())
            .unwrap_or_default();
    }
    let Ok(session) = cluster.connect() else {
        return vec![];
    };
    session.block_on(async {
        match of {
            Of::Run => of_kind::<BackupRun>(&session).await,
            Of::Schedule => of_kind::<BackupSchedule>(&session).await,
            Of::Drill => of_kind::<BackupDrill>(&session).await,
            Of::DrillAsSuch => {
                let drills = of_kind::<BackupDrill>(&session).await;
                drills.iter().map(|name| format!("drill/{name}")).collect()
            }
            Of::Storage => of_kind::<BackupStorage>(&session).await,
            Of::Namespace => {
                let all: Api<Namespace> = Api::all(session.client.clone());
                let most = ListParams::default().limit(MOST);
                let found = session.ask("list namespaces", all.list_metadata(&most)).await;
                found
                    .map(|list| list.items.iter().map(ResourceExt::name_any).collect())
                    .unwrap_or_default()
            }
            Of::Context | Of::Recipe => vec![],
        }
    })
}

async fn of_kind<K: Kind>(session: &Session) -> Vec<String> {
    let all = session.dynamic::<K>(&Where::Namespace(session.namespace.clone()));
    let most = ListParams::default().limit(MOST);
    let found = session.ask("list names", all.list_metadata(&most)).await;
    found
        .map(|list| list.items.iter().map(ResourceExt::name_any).collect())
        .unwrap_or_default()
}

/// Who asks which cluster, by the words of a line that is not complete.
fn cluster(words: &[String]) -> Cluster {
    let all = |flags: &[&str]| -> Vec<String> {
        let value = |(at, word): (usize, &String)| {
            if flags.contains(&word.as_str()) {
                return words.get(at + 1).cloned();
            }
            let long = flags.iter().filter(|flag| flag.starts_with("--"));
            long.filter_map(|flag| word.strip_prefix(flag)?.strip_prefix('='))
                .map(Into::into)
                .next()
        };
        words
            .iter()
            .enumerate()
            .filter_map(value)
            .filter(|v: &String| !v.is_empty())
            .collect()
    };
    let one = |flags: &[&str]| all(flags).pop();
    Cluster {
        namespace: one(&["-n", "--namespace"]),
        who: Who {
            kubeconfig: one(&["--kubeconfig"]).map(Into::into),
            context: one(&["--context"]),
            user: one(&["--as"]),
            groups: all(&["--as-group"]),
            request_timeout: PATIENCE,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_before_say_which_cluster_and_namespace_are_meant() {
        let words = |line: &str| line.split(' ').map(ToString::to_string).collect::<Vec<_>>();
        let seen = cluster(&words(
            "describe -n shop --context=prod --kubeconfig /k --as ann --as-group=a --as-group b db-",
        ));
        assert_eq!(seen.namespace.as_deref(), Some("shop"));
        assert_eq!(seen.who.context.as_deref(), Some("prod"));
        assert_eq!(seen.who.kubeconfig.as_deref(), Some("/k".as_ref()));
        assert_eq!(
            (seen.who.user.as_deref(), seen.who.groups),
            (Some("ann"), vec!["a".to_string(), "b".into()])
        );
        assert_eq!(cluster(&words("list --namespace")).namespace, None);
        assert_eq!(cluster(&words("list --namespaces=x")).namespace, None);
    }
}
