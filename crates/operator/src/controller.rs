//! The driver: the watches of each kind, and who is woken by what they see.
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::{BackupDrill, BackupRun, BackupSchedule, BackupStorage, condition, labels};
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::channel::oneshot;
use futures::stream::{self, select_all};
use futures::{Stream, StreamExt};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use planner::run::pod::AgentSettings;
use store::{Identity, Proxies};
use tokio::time::timeout;

use crate::admin::Ready;
use crate::cache::{Cache, Group, Kind};
use crate::certificates::OwnStore;
use crate::context::{Context, Failures, Refusals};
use crate::driver::{Pace, Sweep, Then, drive, until};
use crate::lease::Tenure;
use crate::listing::{Change, Listing};
use crate::metrics::Metrics;
use crate::notify::{self, Notifier};
use crate::ownership::controller_of_kind;
use crate::queue::Queue;
use crate::readable::{self, Read};
use crate::scope::{Scope, Watched};
use crate::stores::Stores;
use crate::transfer::completions::Completions;
use crate::transfer::exec::Exec;
use crate::transfer::registry::Registry;
use crate::volumes::Volumes;
use crate::{claims, cluster, drill, run, runtime, schedule, storage};

/// The kinds that are watched.
pub const KINDS: [&str; 5] = ["BackupStorage", "BackupSchedule", "BackupRun", "Pod", "BackupDrill"];
/// Those that have to be seen before anything is decided. Nothing but a drill itself depends on drills: an operator that was updated before
/// their CRD was applied makes backups as ever.
pub const NEEDED: [&str; 4] = ["BackupStorage", "BackupSchedule", "BackupRun", "Pod"];
/// Objects of one answer to a list, where lists are not streamed. Each may have a megabyte, and all of an answer are held at once.
const PAGE: u32 = 50;
/// How often it is looked up where API servers and nodes are: nodes come and go.
const CLUSTER: Duration = Duration::from_secs(600);
/// The same while it is not known: until then nothing is sent to a private address.
const CLUSTER_UNKNOWN: Duration = Duration::from_secs(30);
/// So long nothing comes of a streamed list that no API server makes.
const SILENCE: Duration = Duration::from_secs(60);
/// How this operator works.
pub struct Settings {
    /// How the agent is put into Pods.
    pub agent: AgentSettings,
    /// Whether image volumes are served.
    pub volumes: Arc<Volumes>,
    /// Through which stores are reached.
    pub proxies: Proxies,
    /// Who the operator is to a cloud.
    pub identity: Identity,
    /// How many runs at once; none: no limit.
    pub at_once: Option<u32>,
    /// What is measured.
    pub metrics: Arc<Metrics>,
    /// Whom people's notifications go to.
    pub notify: notify::Settings,
    /// Whom to trust at the store that comes with the operator.
    pub own_store: OwnStore,
    /// Uploads that stores complete.
    pub completions: Completions,
    /// For how long it acts.
    pub tenure: Tenure,
}

/// Runs all controllers, for ever: on storages, and on the schedules, runs and Pods of these namespaces.
pub async fn run(client: Client, scope: Scope, settings: Settings, ready: Ready) {
    let (wake_run, woken_runs) = unbounded::<ObjectRef<BackupRun>>();
    let (wake_schedule, woken_schedules) = unbounded::<ObjectRef<BackupSchedule>>();
    let (wake_drill, woken_drills) = unbounded::<ObjectRef<BackupDrill>>();
    let (wake_storage, woken_storages) = unbounded::<ObjectRef<BackupStorage>>();
    let (count_storage, counted_storages) = unbounded::<ObjectRef<BackupStorage>>();
    let storages = Cache::<BackupStorage>::default();
    let schedules = Cache::<BackupSchedule>::default();
    let drills = Cache::<BackupDrill>::default();
    let runs = Cache::<BackupRun>::default();
    let pods = Cache::<Pod>::default();
    let context = Arc::new(Context {
        events: Default::default(),
        exec: Exec::during(settings.tenure.clone()),
        stores: Stores::new(client.clone(), settings.proxies, settings.identity)
            .with_own(settings.own_store)
            .during(settings.tenure),
        agent: settings.agent,
        volumes: settings.volumes,
        registry: Registry::new(wake_run.clone()),
        budget: Default::default(),
        lanes: Default::default(),
        copies: Default::default(),
        trickle: Default::default(),
        completions: settings.completions,
        storages: storages.clone(),
        schedules: schedules.clone(),
        runs: runs.clone(),
        pods: pods.clone(),
        syncs: Default::default(),
        probes: storage::Probes::default(),
        refusals: Refusals::default(),
        cluster: Default::default(),
        errands: Default::default(),
        rotated: Default::default(),
        queue: Queue::new(settings.at_once, wake_run.clone()),
        turns: Default::default(),
        wake_storage: wake_storage.clone(),
        ages: Default::default(),
        looks: Default::default(),
        obstacles: Default::default(),
        notifier: Notifier::new(
            client.clone(),
            settings.notify,
            settings.metrics.notifications.clone(),
            wake_schedule.clone(),
        ),
        failures: Failures::default(),
        metrics: settings.metrics.clone(),
        began: std::time::Instant::now(),
        client: client.clone(),
    });
    let metrics = settings.metrics;
    metrics.follow(&context.registry);
    let around = Around {
        client: client.clone(),
        ready: ready.clone(),
        metrics: metrics.clone(),
    };
    tracing::info!(namespaces = %scope, "watching");

    // A change of a storage: itself, and the runs that wait for it.
    let (by_storage, wake_runs, wake) = (runs.clone(), wake_run.clone(), wake_storage.clone());
    let forgetful = context.clone();
    watch(
        &around,
        vec![Watched::all(&client)],
        watcher::Config::default(),
        storages.clone(),
        move |storage: &BackupStorage| {
            send(&wake, ObjectRef::from_obj(storage));
            for run in by_storage.names_of(Group::WaitingFor(&storage.name_any())) {
                send(&wake_runs, run);
            }
        },
        move |told| match told {
            Told::Seen(storage) => {
                forgetful.queue.storage_seen(storage);
                forgetful.metrics.storages.seen(storage, Timestamp::now());
            }
            Told::Gone(storage) => {
                forgetful.metrics.storages.gone(storage);
                forgetful.queue.storage_gone(storage);
                forgetful.forget_storage(&storage.uid().unwrap_or_default());
            }
        },
    );
    // A change of a drill: itself.
    let (wake, forgetful, counts) = (wake_drill.clone(), context.clone(), metrics.clone());
    watch(
        &around,
        scope.watched(&client),
        watcher::Config::default(),
        drills.clone(),
        move |drill: &BackupDrill| send(&wake, ObjectRef::from_obj(drill)),
        move |told| match told {
            Told::Seen(drill) => counts.drills.seen(drill, Timestamp::now()),
            Told::Gone(drill) => {
                counts.drills.gone(drill);
                forgetful.failures.clear(&drill.uid().unwrap_or_default());
            }
        },
    );
    // A change of a schedule: itself, the storage that counts it, and a drill that has its name.
    let (wake, count, forgetful, counts) = (
        wake_schedule.clone(),
        count_storage.clone(),
        context.clone(),
        metrics.clone(),
    );
    let (named, wake_namesake) = (drills.clone(), wake_drill.clone());
    watch(
        &around,
        scope.watched(&client),
        watcher::Config::default(),
        schedules.clone(),
        move |schedule: &BackupSchedule| {
            send(&wake, ObjectRef::from_obj(schedule));
            send(&count, ObjectRef::new(&schedule.spec.template.spec.storage.name));
            if named.len() > 0 {
                let namespace = schedule.namespace().unwrap_or_default();
                send(&wake_namesake, ObjectRef::new(&schedule.name_any()).within(&namespace));
            }
        },
        move |told| match told {
            Told::Seen(schedule) => counts.schedules.seen(schedule, Timestamp::now()),
            Told::Gone(schedule) => {
                counts.schedules.gone(schedule);
                forgetful.notifier.forget(&schedule.uid().unwrap_or_default());
            }
        },
    );
    // A change of a run: itself, its schedule or drill, drills that wait for a backup of its schedule, and the storage that counts it.
    let (wake, wake_owner, count) = (wake_run.clone(), wake_schedule, count_storage);
    let lacking = drills.clone();
    let (told, forgetful) = (context.clone(), context.clone());
    watch(
        &around,
        scope.watched(&client),
        watcher::Config::default(),
        runs.clone(),
        move |run: &BackupRun| {
            send(&wake, ObjectRef::from_obj(run));
            send(&count, ObjectRef::new(&run.spec.storage.name));
            if let Some(owner) = owner_of(run) {
                send(&wake_owner, owner);
            }
            if let Some(owner) = owner_of(run) {
                send(&wake_drill, owner);
            }
            for drill in lacking_of(run, &lacking) {
                send(&wake_drill, drill);
            }
            for written_over in written_over(run, &told) {
                send(&wake, written_over);
            }
        },
        move |told| match told {
            Told::Seen(run) => {
                forgetful.queue.seen(run);
                forgetful.metrics.runs.seen(run);
            }
            Told::Gone(run) => {
                forgetful.forget(&run.uid().unwrap_or_default());
                forgetful.metrics.runs.gone(run);
            }
        },
    );
    // A change of a Pod that carries our label: its run.
    let (wake, counts) = (wake_run.clone(), context.clone());
    watch(
        &around,
        scope.watched(&client),
        watcher::Config::default().labels(labels::RUN),
        pods.clone(),
        move |pod: &Pod| {
            if let Some(run) = owner_of(pod) {
                send(&wake, run);
            }
        },
        move |told| match told {
            Told::Seen(pod) => counts.queue.pod_seen(pod, &counts.runs),
            Told::Gone(pod) => counts.queue.pod_gone(pod),
        },
    );

    // A storage that is not in the cache yet is not missing: nothing is decided before every kind was seen.
    ready.wait().await;
    let _ = context.cluster.set(cluster::uid(&client).await);
    context.volumes.first_look(context.agent.volume).await;
    let mut known = context.notifier.learn_cluster().await;
    let learns = context.clone();
    runtime::spawn(async move {
        loop {
            tokio::time::sleep(if known { CLUSTER } else { CLUSTER_UNKNOWN }).await;
            known = learns.notifier.learn_cluster().await;
        }
    });
    tracing::info!("every kind was seen; working");
    context.queue.open();
    runtime::spawn(paced(counted_storages, wake_storage));
    let (of_runs, of_schedules, of_drills) = (context.clone(), context.clone(), context.clone());
    let (ended, after) = oneshot::channel();
    let after = Sweep {
        after: Some(after),
        ended: None,
    };
    let before = Sweep {
        after: None,
        ended: Some(ended),
    };
    let runs = measured(&metrics, runs, woken_runs, after, move |run| {
        run::pass(run, of_runs.clone())
    });
    let schedules = measured(&metrics, schedules, woken_schedules, before, move |schedule| {
        schedule::pass(schedule, of_schedules.clone())
    });
    let storages = measured(&metrics, storages, woken_storages, Sweep::default(), move |storage| {
        storage::pass(storage, context.clone())
    });
    let drills = measured(&metrics, drills, woken_drills, Sweep::default(), move |drill| {
        drill::pass(drill, of_drills.clone())
    });
    futures::join!(runs, schedules, storages, drills);
}

/// Drives a kind, and measures how many objects wait and how long passes take.
async fn measured<K, P>(
    metrics: &Arc<Metrics>,
    cache: Cache<K>,
    woken: UnboundedReceiver<ObjectRef<K>>,
    sweep: Sweep,
    pass: impl Fn(Arc<K>) -> P,
) where
    K: Kind,
    P: Future<Output = Then> + Send + 'static,
{
    let kind = kind_of::<K>();
    let timed = |object| {
        let (pass, metrics, began) = (pass(object), metrics.clone(), Instant::now());
        async move {
            let then = pass.await;
            metrics.passed(kind, began.elapsed());
            then
        }
    };
    drive(cache, woken, sweep, timed, |due| metrics.waiting(kind, due)).await;
}

/// The kind, as a label: one of [`KINDS`].
fn kind_of<K: Kind>() -> &'static str {
    let kind = K::kind(&());
    KINDS.into_iter().find(|known| *known == kind).unwrap_or("Other")
}

/// What every watch works with.
#[derive(Clone)]
struct Around {
    client: Client,
    ready: Ready,
    metrics: Arc<Metrics>,
}

/// What whoever keeps count of a kind is told.
enum Told<'a, K> {
    /// It was made or changed.
    Seen(&'a K),
    /// It is gone.
    Gone(&'a K),
}

/// Watches a kind for as long as the process lives: into the cache first, then whoever counts is `told`, then those are woken whom it
/// concerns. Nobody is woken before every kind was seen: then all are looked at.
fn watch<K: Kind + Clone + Debug>(
    around: &Around,
    watched: Vec<Watched<Read<K>>>,
    config: watcher::Config,
    cache: Cache<K>,
    wake: impl Fn(&K) + Send + 'static,
    told: impl Fn(Told<'_, K>) + Send + 'static,
) {
    let Around { client, ready, metrics } = around.clone();
    let mut listings: Vec<_> = watched.iter().map(|w| Listing::new(w.namespace.as_deref())).collect();
    let watches = watched.into_iter().enumerate().map(|(number, one)| {
        let events = events(one.api, config.clone()).default_backoff();
        events.map(move |event| (number, event)).boxed()
    });
    runtime::spawn(select_all(watches).for_each(move |(number, event)| {
        let changes = match (event, listings.get_mut(number)) {
            (Ok(event), Some(listing)) => listing.take(event, &cache),
            (Err(error), _) => {
                let error = crate::events::causes(&error);
                tracing::warn!(kind = %K::kind(&()), error, "a watch is interrupted; trying again");
                Vec::new()
            }
            (Ok(_), None) => Vec::new(),
        };
        metrics.cached(kind_of::<K>(), cache.len());
        let works = ready.works();
        for change in changes {
            match change {
                Change::Seen(object) => {
                    told(Told::Seen(&object));
                    if works {
                        wake(&object);
                    }
                }
                Change::Gone(object) => {
                    told(Told::Gone(&object));
                    if works {
                        wake(&object);
                    }
                }
                Change::Unreadable(unreadable) => {
                    let client = client.clone();
                    runtime::spawn(async move { readable::tell::<K>(&client, *unreadable).await });
                }
            }
        }
        if !works && listings.iter().all(Listing::has_ended) {
            ready.seen(K::kind(&()).as_ref());
        }
        futures::future::ready(())
    }));
}

/// What a watch sees, first all that is there. Streamed, one object at a time (KEP-3157); by pages where the API server does not do that.
fn events<K: Kind + Clone + Debug>(
    api: Api<Read<K>>,
    config: watcher::Config,
) -> impl Stream<Item = watcher::Result<watcher::Event<Read<K>>>> {
    let streamed = watcher(api.clone(), config.clone().streaming_lists());
    while_it_lists(streamed).chain(watcher(api, config.page_size(PAGE)))
}

/// A streamed list and what follows it; it ends where none comes: the API server refuses it, or, as it or a proxy before it knows nothing of it,
/// sends objects and never says that those were all, or ends the stream and is asked anew.
fn while_it_lists<T>(
    events: impl Stream<Item = watcher::Result<watcher::Event<T>>>,
) -> impl Stream<Item = watcher::Result<watcher::Event<T>>> {
    let begin = Some((Box::pin(events), First::Awaited));
    stream::unfold(begin, |state| async move {
        let (mut events, mut first) = state?;
        let next = if first == First::Ended {
            events.next().await?
        } else {
            timeout(SILENCE, events.next()).await.ok()??
        };
        match &next {
            Err(watcher::Error::WatchStartFailed(kube::Error::Api(said))) if matches!(said.code, 400 | 422) => {
                return None;
            }
            Ok(watcher::Event::Init) if first == First::Begun => return None,
            Ok(watcher::Event::Init) if first == First::Awaited => first = First::Begun,
            Ok(watcher::Event::InitDone) => first = First::Ended,
            _ => {}
        }
        Some((next, Some((events, first))))
    })
}

/// How far the first list of a watch is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    Awaited,
    Begun,
    Ended,
}

/// Passes each name on soon after it came first, and then once in a while, however often it comes.
async fn paced<K>(mut from: UnboundedReceiver<ObjectRef<K>>, to: UnboundedSender<ObjectRef<K>>)
where
    K: Resource<DynamicType = ()>,
{
    let mut pace = Pace::default();
    loop {
        for one in pace.come(Instant::now()) {
            send(&to, one);
        }
        tokio::select! {
            // The senders live as long as the process.
            name = from.next() => match name {
                Some(name) => pace.changed(name, Instant::now()),
                None => return,
            },
            () = until(pace.first_time()) => {}
        }
    }
}

fn send<K: Resource<DynamicType = ()>>(to: &UnboundedSender<ObjectRef<K>>, object: ObjectRef<K>) {
    // The receiver lives as long as the process.
    let _ = to.unbounded_send(object);
}

/// The controller of an object, where it is of that kind.
fn owner_of<K: Resource<DynamicType = ()>>(child: &impl ResourceExt) -> Option<ObjectRef<K>> {
    let owner = controller_of_kind::<K>(child)?;
    Some(ObjectRef::new(&owner.name).within(&child.namespace()?))
}

/// Drills that wait for a good backup of the schedule of a run.
fn lacking_of(run: &BackupRun, drills: &Cache<BackupDrill>) -> Vec<ObjectRef<BackupDrill>> {
    let Some(schedule) = run.labels().get(labels::SCHEDULE).filter(|_| drills.len() > 0) else {
        return Vec::new();
    };
    let namespace = run.metadata.namespace.as_deref().unwrap_or_default();
    drills.names_of(Group::Lacking(namespace, schedule))
}

/// Runs whose object a good backup may have written over, and that do not say so yet.
fn written_over(run: &BackupRun, context: &Context) -> Vec<ObjectRef<BackupRun>> {
    let good = |status: &&api::BackupRunStatus| condition::is_true(&status.conditions, condition::SUCCESSFUL);
    let Some(key) = run.status.as_ref().filter(good).and_then(|s| s.key.as_deref()) else {
        return Vec::new();
    };
    let others = claims::of(key, run, &context.runs);
    let ready = others.iter().filter(|other| {
        let status = other.status.as_ref();
        status.is_some_and(|s| condition::is_true(&s.conditions, condition::READY))
    });
    ready.map(|other| ObjectRef::from_obj(other.as_ref())).collect()
}

#[cfg(test)]
mod tests;
