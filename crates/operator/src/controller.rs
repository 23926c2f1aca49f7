//! The driver: the watches of each kind, and who is woken by what they see.
use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use api::{BackupRun, BackupSchedule, BackupStorage, condition, labels};
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::stream::{self, select_all};
use futures::{FutureExt, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::core::ObjectMeta;
use kube::runtime::controller::{Config, Controller};
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Resource, ResourceExt};
use planner::run::is_finished;
use planner::run::pod::AgentSettings;
use serde::de::DeserializeOwned;
use store::Proxies;

use crate::admin::Ready;
use crate::context::{Context, Failures, Refusals};
use crate::merge::Merge;
use crate::queue::Queue;
use crate::readable::{self, Read};
use crate::scope::{Scope, Watched};
use crate::stores::Stores;
use crate::transfer::registry::Registry;
use crate::{cluster, run, runtime, schedule, storage};

/// The kinds that are watched.
pub const KINDS: [&str; 4] = ["BackupStorage", "BackupSchedule", "BackupRun", "Pod"];
/// How many objects of a kind are worked on at the same time.
const CONCURRENCY: u16 = 16;
/// Objects of one answer to a list. Each may have a megabyte, and all of an answer are held at once.
const PAGE: u32 = 20;
/// A storage counts its runs; a burst of them is counted once.
const COUNT: Duration = Duration::from_millis(200);

/// How this operator works.
pub struct Settings {
    /// How the agent is put into Pods.
    pub agent: AgentSettings,
    /// Through which stores are reached.
    pub proxies: Proxies,
    /// How many runs at once; none: no limit.
    pub at_once: Option<u32>,
}

/// Runs all controllers, for ever: on storages, and on the schedules, runs and Pods of these namespaces.
pub async fn run(client: Client, scope: Scope, settings: Settings, ready: Ready) {
    let (wake_run, woken_runs) = unbounded::<ObjectRef<BackupRun>>();
    let (wake_schedule, woken_schedules) = unbounded::<ObjectRef<BackupSchedule>>();
    let (wake_storage, woken_storages) = unbounded::<ObjectRef<BackupStorage>>();
    let (storages, storage_writer) = reflector::store::<BackupStorage>();
    let (schedules, schedule_writer) = reflector::store::<BackupSchedule>();
    let (runs, run_writer) = reflector::store::<BackupRun>();
    let (pods, pod_writer) = reflector::store::<Pod>();
    let context = Arc::new(Context {
        exec: Default::default(),
        stores: Stores::new(client.clone(), settings.proxies),
        agent: settings.agent,
        registry: Registry::new(wake_run.clone()),
        budget: Default::default(),
        trickle: Default::default(),
        storages: storages.clone(),
        schedules: schedules.clone(),
        runs: runs.clone(),
        pods,
        probes: storage::Probes::default(),
        refusals: Refusals::default(),
        claims: Default::default(),
        cluster: Default::default(),
        errands: Default::default(),
        queue: Queue::new(settings.at_once, wake_run.clone()),
        turns: Default::default(),
        wake_storage: wake_storage.clone(),
        ages: Default::default(),
        looks: Default::default(),
        obstacles: Default::default(),
        failures: Failures::default(),
        began: std::time::Instant::now(),
        client: client.clone(),
    });
    tracing::info!(namespaces = %scope, "watching");

    // A change of a storage: itself, and the runs that wait for it.
    let (by_storage, wake_runs, wake) = (runs.clone(), wake_run.clone(), wake_storage.clone());
    let forgetful = context.clone();
    watch(
        &client,
        vec![Watched::all(&client)],
        watcher::Config::default(),
        storage_writer,
        &ready,
        move |storage: &BackupStorage| {
            send(&wake, ObjectRef::from_obj(storage));
            for run in waiting_runs(&by_storage, &storage.name_any()) {
                send(&wake_runs, run);
            }
        },
        move |event| match event {
            watcher::Event::Apply(storage) | watcher::Event::InitApply(storage) => {
                forgetful.queue.storage_seen(storage);
            }
            watcher::Event::Delete(storage) => {
                forgetful.queue.storage_gone(storage);
                forgetful.forget_storage(&storage.uid().unwrap_or_default());
            }
            watcher::Event::Init | watcher::Event::InitDone => {}
        },
    );
    // A change of a schedule: itself, and the storage that counts it.
    let (wake, count) = (wake_schedule.clone(), wake_storage.clone());
    watch(
        &client,
        scope.watched(&client),
        watcher::Config::default(),
        schedule_writer,
        &ready,
        move |schedule: &BackupSchedule| {
            send(&wake, ObjectRef::from_obj(schedule));
            send(&count, ObjectRef::new(&schedule.spec.template.spec.storage.name));
        },
        |_| {},
    );
    // A change of a run: itself, its schedule, and the storage that counts it.
    let (wake, wake_owner, count) = (wake_run.clone(), wake_schedule, wake_storage);
    let (told, forgetful) = (context.clone(), context.clone());
    watch(
        &client,
        scope.watched(&client),
        watcher::Config::default(),
        run_writer,
        &ready,
        move |run: &BackupRun| {
            send(&wake, ObjectRef::from_obj(run));
            send(&count, ObjectRef::new(&run.spec.storage.name));
            if let Some(owner) = owner_of(run) {
                send(&wake_owner, owner);
            }
            for written_over in written_over(run, &told) {
                send(&wake, written_over);
            }
        },
        move |event| match event {
            watcher::Event::Apply(run) | watcher::Event::InitApply(run) => {
                forgetful.claims.seen(run);
                forgetful.queue.seen(run);
            }
            watcher::Event::Delete(run) => {
                forgetful.claims.gone(run);
                forgetful.forget(&run.uid().unwrap_or_default());
            }
            watcher::Event::Init | watcher::Event::InitDone => {}
        },
    );
    // A change of a Pod that carries our label: its run.
    let (wake, counts) = (wake_run.clone(), context.clone());
    watch(
        &client,
        scope.watched(&client),
        watcher::Config::default().labels(labels::RUN),
        pod_writer,
        &ready,
        move |pod: &Pod| {
            if let Some(run) = owner_of(pod) {
                send(&wake, run);
            }
        },
        move |event| match event {
            watcher::Event::Apply(pod) | watcher::Event::InitApply(pod) => counts.queue.pod_seen(pod, &counts.runs),
            watcher::Event::Delete(pod) => counts.queue.pod_gone(pod),
            watcher::Event::Init | watcher::Event::InitDone => {}
        },
    );

    // A storage that is not in the cache yet is not missing: nothing is decided before every kind was seen.
    ready.wait().await;
    let _ = context.cluster.set(cluster::uid(&client).await);
    tracing::info!("every kind was seen; working");
    let runs = controller(runs, woken_runs)
        .run(run::reconcile, run::retry, context.clone())
        .for_each(|_| futures::future::ready(()));
    let schedules = controller(schedules, woken_schedules)
        .run(schedule::reconcile, schedule::retry, context.clone())
        .for_each(|_| futures::future::ready(()));
    let (to_storages, collected) = unbounded();
    runtime::spawn(collect(woken_storages, to_storages));
    let storages = controller(storages, collected)
        .run(storage::reconcile, storage::retry, context)
        .for_each(|_| futures::future::ready(()));
    futures::join!(runs, schedules, storages);
}

/// Watches a kind for as long as the process lives: into the cache first, then to whom it concerns, deletions included. `told` of
/// each event in between.
fn watch<K>(
    client: &Client,
    watched: Vec<Watched<Read<K>>>,
    config: watcher::Config,
    writer: Writer<K>,
    ready: &Ready,
    wake: impl Fn(&K) + Send + 'static,
    told: impl Fn(&watcher::Event<K>) + Send + 'static,
) where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    let ready = ready.clone();
    let cache = writer.as_reader();
    let mut merge = Merge::new(watched.iter().map(|w| w.namespace.clone()));
    let watches = watched.into_iter().enumerate().map(|(number, one)| {
        watcher(one.api, config.clone().page_size(PAGE))
            .default_backoff()
            .map(move |event| (number, event))
            .boxed()
    });
    let client = client.clone();
    let stream = select_all(watches)
        .flat_map(move |(number, event)| {
            let told: Vec<_> = match event {
                Ok(event) => {
                    let sorted = readable::sorted(event, |metadata| cache.get(&named(metadata)));
                    if let Some(unreadable) = sorted.unreadable {
                        let client = client.clone();
                        runtime::spawn(async move { readable::tell::<K>(&client, unreadable).await });
                    }
                    let events = sorted.event.into_iter();
                    events
                        .flat_map(|event| merge.take(number, event, || cache.state()))
                        .map(Ok)
                        .collect()
                }
                Err(error) => vec![Err(error)],
            };
            stream::iter(told)
        })
        .reflect(writer)
        // After the cache: who waits for this finds the objects there.
        .inspect_ok(move |event| {
            told(event);
            if matches!(event, watcher::Event::InitDone) {
                ready.seen(K::kind(&()).as_ref());
            }
        })
        .touched_objects();
    runtime::spawn(stream.for_each(move |seen| {
        match seen {
            Ok(object) => wake(&object),
            Err(error) => tracing::warn!(kind = %K::kind(&()), %error, "a watch is interrupted; trying again"),
        }
        futures::future::ready(())
    }));
}

/// Passes each name on once in a while, however often it comes. Counted from the first: one that comes again and again is
/// not put off for ever, as it would be by the controller's own debounce.
async fn collect<K>(mut from: UnboundedReceiver<ObjectRef<K>>, to: UnboundedSender<ObjectRef<K>>)
where
    K: Resource<DynamicType = ()>,
{
    while let Some(first) = from.next().await {
        tokio::time::sleep(COUNT).await;
        let mut all = HashSet::from([first]);
        while let Some(Some(next)) = from.next().now_or_never() {
            all.insert(next);
        }
        for one in all {
            send(&to, one);
        }
    }
}

fn controller<K>(cache: Store<K>, woken: UnboundedReceiver<ObjectRef<K>>) -> Controller<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    Controller::for_shared_stream(futures::stream::pending(), cache)
        .with_config(Config::default().concurrency(CONCURRENCY))
        .reconcile_on(woken)
}

fn named<K: Resource<DynamicType = ()>>(metadata: &ObjectMeta) -> ObjectRef<K> {
    let name = ObjectRef::new(metadata.name.as_deref().unwrap_or_default());
    match &metadata.namespace {
        Some(namespace) => name.within(namespace),
        None => name,
    }
}

fn send<K: Resource<DynamicType = ()>>(to: &UnboundedSender<ObjectRef<K>>, object: ObjectRef<K>) {
    // The receiver lives as long as the process.
    let _ = to.unbounded_send(object);
}

/// The controller of an object, where it is of that kind.
fn owner_of<K: Resource<DynamicType = ()>>(child: &impl ResourceExt) -> Option<ObjectRef<K>> {
    let owner = child
        .owner_references()
        .iter()
        .find(|o| o.controller == Some(true) && o.kind == K::kind(&()))?;
    Some(ObjectRef::new(&owner.name).within(&child.namespace()?))
}

/// Runs whose object a good backup may have written over, and that do not say so yet.
fn written_over(run: &BackupRun, context: &Context) -> Vec<ObjectRef<BackupRun>> {
    let good = |status: &&api::BackupRunStatus| condition::is_true(&status.conditions, condition::SUCCESSFUL);
    let Some(key) = run.status.as_ref().filter(good).and_then(|s| s.key.as_deref()) else {
        return Vec::new();
    };
    let others = context.claims.of(key, run, &context.runs);
    let ready = others.iter().filter(|other| {
        let status = other.status.as_ref();
        status.is_some_and(|s| condition::is_true(&s.conditions, condition::READY))
    });
    ready.map(|other| ObjectRef::from_obj(other.as_ref())).collect()
}

/// Runs that have not begun and name the storage. Those that wait for their turn are woken when they have it: a storage changes with
/// each run that ends, and thousands may wait.
fn waiting_runs(runs: &Store<BackupRun>, storage: &str) -> Vec<ObjectRef<BackupRun>> {
    runs.state()
        .iter()
        .filter(|r| r.spec.storage.name == storage)
        .filter(|r| {
            let asked = r.annotations().contains_key(labels::RESTORE);
            r.status
                .as_ref()
                .is_none_or(|s| s.transfer.is_none() && s.queued.is_none() && (asked || !is_finished(s)))
        })
        .map(|r| ObjectRef::from_obj(r.as_ref()))
        .collect()
}

#[cfg(test)]
mod tests;
