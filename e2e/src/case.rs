//! One case: a namespace of its own, a time limit, and nothing left behind, whatever happened.
pub(crate) mod dump;
mod end;
mod places;

use std::any::Any;
use std::fmt::Debug;
use std::future::Future;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use api::{BackupRun, BackupSchedule, BackupStorage, condition};
use futures::FutureExt;
use futures::future::join_all;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::admission::UNADMITTED;
use crate::cluster::{self, apply_in};
use crate::faults::{Left, Row};
use crate::s3::Store;
use crate::{exec, operator, shared};
use places::{Place, Turn};

/// Where a node has the folders that stand for claims: the local cluster's are gone with it (dev/node/node-init).
const FOLDERS: &str = "/var/lib/e2e";

/// No case of `make test` takes longer: twice what the longest takes on a busy machine, with the turns that it waits for to have the operators
/// left in peace. What it waits for before it has a place is no part of it.
const LIMIT: Duration = Duration::from_secs(900);

/// What follows a case's work has this much of its time.
const AFTER: Duration = Duration::from_secs(90);

/// How much longer anything may take whenever another case takes the operator away: the next one waits until the lease of one
/// that was killed is over (15 s), and takes up what there is; on a busy machine that is half of it.
pub(crate) const OUTAGE: Duration = Duration::from_secs(60);

/// What a case works with; clones are the same case.
#[derive(Clone)]
pub struct Case(Arc<Inner>);

struct Inner {
    client: Client,
    namespace: String,
    store: Store,
    keys: Mutex<Vec<String>>,
    expected: Mutex<Vec<String>>,
    storages: Mutex<Vec<String>>,
    rows: Mutex<Vec<Row>>,
    left: Mutex<Left>,
}

/// What a case holds while it works.
struct Holds {
    place: Place,
    /// Until nothing is left of the case that needs what the next one takes away.
    alone: Option<MutexGuard<'static, ()>>,
}

impl Holds {
    fn a_place(turn: Turn) -> Self {
        let (place, alone) = (places::take(turn), None);
        Self { place, alone }
    }
}

/// Runs a case in a namespace `e2e-<name>-<random>`, and removes everything after it.
pub fn case<F: Future<Output = ()>>(name: &str, body: impl FnOnce(Case) -> F) {
    run_case(name, json!({}), LIMIT, Holds::a_place(Turn::Usual), body);
}

/// The same, begun before others that wait: of what takes longest.
pub fn early_case<F: Future<Output = ()>>(name: &str, body: impl FnOnce(Case) -> F) {
    run_case(name, json!({}), LIMIT, Holds::a_place(Turn::Long), body);
}

/// The same for what takes longer: not part of `make test`.
pub fn long_case<F: Future<Output = ()>>(name: &str, limit: Duration, body: impl FnOnce(Case) -> F) {
    run_case(name, json!({}), limit, Holds::a_place(Turn::Usual), body);
}

/// The same, with labels on the namespace.
pub fn labelled_case<F: Future<Output = ()>>(name: &str, labels: Value, body: impl FnOnce(Case) -> F) {
    run_case(name, labels, LIMIT, Holds::a_place(Turn::Usual), body);
}

/// The same in two namespaces, of two tenants.
pub fn two_cases<F: Future<Output = ()>>(name: &str, body: impl FnOnce(Case, Case) -> F) {
    run_two(name, Holds::a_place(Turn::Usual), body);
}

/// A case that kills the operator, or during whose work no other case may kill it: never two at a time.
pub fn killing_case<F: Future<Output = ()>>(name: &str, body: impl FnOnce(Case) -> F) {
    let alone = operator::killing();
    run_case(name, json!({}), LIMIT, Holds::a_place(Turn::Killer), |case| {
        holding(alone, body(case))
    });
}

/// The same in two namespaces, of two tenants.
pub fn killing_cases<F: Future<Output = ()>>(name: &str, body: impl FnOnce(Case, Case) -> F) {
    let alone = operator::killing();
    run_two(name, Holds::a_place(Turn::Killer), |one, other| {
        holding(alone, body(one, other))
    });
}

/// A case of a program whose cases follow each other: it holds the lock of theirs until its runs are gone, and not until its namespace is.
pub fn serial_case<F: Future<Output = ()>>(alone: MutexGuard<'static, ()>, name: &str, body: impl FnOnce(Case) -> F) {
    run_case(name, json!({}), LIMIT, serial(alone), body);
}

/// The same in two namespaces, of two tenants.
pub fn serial_cases<F: Future<Output = ()>>(
    alone: MutexGuard<'static, ()>,
    name: &str,
    body: impl FnOnce(Case, Case) -> F,
) {
    run_two(name, serial(alone), body);
}

fn serial(alone: MutexGuard<'static, ()>) -> Holds {
    Holds {
        place: places::take(Turn::Usual),
        alone: Some(alone),
    }
}

/// Does the work, and lets go of the guard with it, whatever became of it.
async fn holding<G>(guard: G, work: impl Future<Output = ()>) {
    work.await;
    drop(guard);
}

fn run_two<F: Future<Output = ()>>(name: &str, holds: Holds, body: impl FnOnce(Case, Case) -> F) {
    run(async {
        let one = Case::open(&format!("{name}-one"), json!({})).await;
        let other = Case::open(&format!("{name}-other"), json!({})).await;
        let work = body(one.clone(), other.clone());
        Case::see_through(&[one, other], LIMIT, holds, work).await;
    });
}

fn run_case<F: Future<Output = ()>>(
    name: &str,
    labels: Value,
    limit: Duration,
    holds: Holds,
    body: impl FnOnce(Case) -> F,
) {
    run(async {
        let case = Case::open(name, labels).await;
        let work = body(case.clone());
        Case::see_through(&[case], limit, holds, work).await;
    });
}

/// What a panic said.
pub(crate) fn words_of(panic: &(dyn Any + Send)) -> &str {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
    words.unwrap_or("a panic without words")
}

fn run(case: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(case);
}

impl Case {
    /// Does the work, holds what it left against what it said, and removes everything, whatever happened.
    async fn see_through(cases: &[Self], limit: Duration, holds: Holds, work: impl Future<Output = ()>) {
        let Holds { place, alone } = holds;
        let work = async {
            if timeout(limit, Box::pin(work)).await.is_err() {
                panic!("the case did not end within {} s", limit.as_secs());
            }
            for case in cases {
                case.assert_clean().await;
            }
        };
        let mut outcome = AssertUnwindSafe(work).catch_unwind().await;
        if outcome.is_err() {
            for case in cases {
                case.dump().await;
            }
        }
        for case in cases {
            let asked = AssertUnwindSafe(case.ask_to_go()).catch_unwind().await;
            outcome = outcome.and(asked);
        }
        drop(place);
        // Where something stays, what it needs is not taken away before all has been tried.
        let emptied = join_all(cases.iter().map(|case| AssertUnwindSafe(case.emptied()).catch_unwind()));
        let stays = alone.is_some() && emptied.await.iter().any(|gone| !matches!(gone, Ok(true)));
        let _alone = alone.filter(|_| stays);
        let well = outcome.is_ok();
        let closed = join_all(cases.iter().map(|case| AssertUnwindSafe(case.close()).catch_unwind()));
        for (case, closed) in cases.iter().zip(closed.await) {
            let left = *held(&case.0.left);
            case.write_rows(left, well && closed.is_ok());
            outcome = outcome.and(closed);
        }
        if let Err(panic) = outcome {
            // Once more, after all that was dumped: whoever reads a log from its end reads this first.
            eprintln!("the case failed: {}", words_of(&*panic));
            resume_unwind(panic);
        }
    }

    async fn open(name: &str, labels: Value) -> Self {
        let client = cluster::client().await;
        let store = shared::store(&client).await;
        let nanos = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .expect("a clock after 1970")
            .as_nanos();
        let namespace = format!("e2e-{name}-{:06x}", (nanos >> 10) & 0xff_ffff);
        let mut metadata = json!({"name": namespace, "labels": {"e2e": "true"}});
        for (key, value) in labels.as_object().expect("labels") {
            metadata["labels"][key] = value.clone();
        }
        let namespaces: Api<Namespace> = Api::all(client.clone());
        apply_in(&namespaces, json!({"metadata": metadata})).await;
        let (keys, expected, storages, rows, left) = Default::default();
        Self(Arc::new(Inner {
            client,
            namespace,
            store,
            keys,
            expected,
            storages,
            rows,
            left,
        }))
    }

    /// The client.
    pub fn client(&self) -> &Client {
        &self.0.client
    }

    /// The case's namespace.
    pub fn namespace(&self) -> &str {
        &self.0.namespace
    }

    /// The bucket that the storage `e2e` writes to.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Objects of a kind in the case's namespace.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.0.client.clone(), &self.0.namespace)
    }

    /// A volume of that name for Pods of the case, on whichever node they are: a folder of the node, which stands for a claim. Pods share it, and it
    /// outlives them: a case empties it at its end.
    pub fn volume(&self, name: &str) -> Value {
        let path = format!("{FOLDERS}/{}-{name}", self.0.namespace);
        json!({"name": name, "hostPath": {"path": path, "type": "DirectoryOrCreate"}})
    }

    /// The runs of the case.
    pub fn runs(&self) -> Api<BackupRun> {
        self.api()
    }

    /// The schedules of the case.
    pub fn schedules(&self) -> Api<BackupSchedule> {
        self.api()
    }

    /// All storages.
    pub fn storages(&self) -> Api<BackupStorage> {
        Api::all(self.0.client.clone())
    }

    /// The faults that the case provokes.
    pub(crate) fn rows(&self) -> MutexGuard<'_, Vec<Row>> {
        held(&self.0.rows)
    }

    /// A path that only this case uses; afterwards it is looked at for what was left there.
    pub fn path(&self, name: &str) -> String {
        held(&self.0.keys).push(format!("{}/{name}", self.0.namespace));
        format!("/{}/{name}", self.0.namespace)
    }

    /// The object key of such a path.
    pub fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.0.namespace)
    }

    /// At the end of the case there shall be an object there; where it is not said, there shall be none.
    pub fn keeps(&self, name: &str) {
        held(&self.0.expected).push(self.key(name));
    }

    /// Creates a storage with a name of the case's own; removed after it.
    pub async fn storage(&self, name: &str, spec: Value) -> String {
        self.labelled_storage(name, json!({}), spec).await
    }

    /// The same, not seen by the webhook: it came in while that was away.
    pub async fn storage_unadmitted(&self, name: &str, spec: Value) -> String {
        self.labelled_storage(name, json!({UNADMITTED: "true"}), spec).await
    }

    /// The name of a storage that somebody else makes for the case; removed after it.
    pub fn makes_storage(&self, name: &str) -> String {
        let name = format!("{}-{name}", self.0.namespace);
        held(&self.0.storages).push(name.clone());
        name
    }

    async fn labelled_storage(&self, name: &str, labels: Value, spec: Value) -> String {
        let name = self.makes_storage(name);
        let metadata = json!({"name": name, "labels": labels});
        apply_in(&self.storages(), json!({"metadata": metadata, "spec": spec})).await;
        name
    }

    /// Waits until a storage can be used.
    pub async fn storage_ready(&self, name: &str) {
        self.wait(&format!("storage {name} is Ready"), 90, || async {
            let status = self.storages().get(name).await.ok()?.status?;
            condition::is_true(&status.conditions, condition::READY).then_some(())
        })
        .await;
    }

    /// Applies an object in the case's namespace.
    pub async fn apply<K>(&self, json: Value) -> K
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + std::fmt::Debug,
        K: serde::de::DeserializeOwned + serde::Serialize,
    {
        cluster::apply(&self.0.client, &self.0.namespace, json).await
    }

    /// Runs a command in a Pod of the case; its output without surrounding spaces.
    pub async fn exec(&self, pod: &str, command: &[&str]) -> String {
        let out = exec::exec(&self.0.client, &self.0.namespace, pod, command).await;
        out.unwrap_or_else(|e| panic!("{command:?} in {pod}: {e}"))
            .trim()
            .to_string()
    }

    /// The same in one container of several.
    pub async fn exec_in(&self, pod: &str, container: &str, command: &[&str]) -> String {
        let out = exec::exec_in(&self.0.client, &self.0.namespace, (pod, Some(container)), command).await;
        out.unwrap_or_else(|e| panic!("{command:?} in {container} of {pod}: {e}"))
            .trim()
            .to_string()
    }

    /// Waits, for [`OUTAGE`] longer than said; the panic after the deadline says what for. Whoever measures a time holds
    /// [`steady`](crate::operator::steady).
    pub async fn wait<T, F: Future<Output = Option<T>>>(&self, what: &str, seconds: u64, look: impl FnMut() -> F) -> T {
        cluster::wait(what, Duration::from_secs(seconds) + OUTAGE, look).await
    }

    /// The same without a panic: None after the deadline.
    pub async fn poll<T, F: Future<Output = Option<T>>>(&self, seconds: u64, look: impl FnMut() -> F) -> Option<T> {
        cluster::poll(Duration::from_secs(seconds) + OUTAGE, look).await
    }

    /// The same of each version of an object: see [`cluster::watch`].
    pub async fn watch<K, T>(
        &self,
        api: &Api<K>,
        name: &str,
        seconds: u64,
        look: impl FnMut(Result<&K, &kube::Error>) -> Option<T>,
    ) -> Option<T>
    where
        K: Resource + Clone + Debug + DeserializeOwned,
    {
        cluster::watch(api, name, Duration::from_secs(seconds) + OUTAGE, look).await
    }
}

/// Does a case's work and then what has to follow it, whatever became of it: what the whole cluster has changed by.
pub async fn finally(work: impl Future<Output = ()>, after: impl Future<Output = ()>) {
    finally_within(LIMIT - AFTER, work, after).await;
}

/// The same of a [`long_case`], whose work may take so long.
pub async fn finally_within(limit: Duration, work: impl Future<Output = ()>, after: impl Future<Output = ()>) {
    let work = async {
        // In a box: a case is more than a test's stack takes with all that is around it.
        if timeout(limit, Box::pin(work)).await.is_err() {
            panic!("the work did not end within {} s", limit.as_secs());
        }
    };
    let outcome = AssertUnwindSafe(work).catch_unwind().await;
    let followed = AssertUnwindSafe(after).catch_unwind().await;
    if let Err(panic) = outcome.and(followed) {
        resume_unwind(panic);
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
