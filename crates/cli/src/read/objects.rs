//! Objects of our kinds as they are: one that cannot be read keeps none of the others from being shown.
use api::{BackupDrill, BackupRun, BackupSchedule, BackupStorage};
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use crate::read::connect::Session;
use crate::read::fault::Fault;

/// How many objects a page has: some hundred KiB of an API server's memory at a time.
const PAGE: u32 = 500;

/// One of our kinds.
pub trait Kind: Resource<DynamicType = ()> + DeserializeOwned + Clone + std::fmt::Debug {
    /// `runs`, as people and the verbs call them.
    const PLURAL: &'static str;
    /// `run`.
    const SINGULAR: &'static str;
    /// It belongs to a namespace.
    const NAMESPACED: bool = true;

    /// Makes of an object as it was read what people are to see of it.
    fn settled(&mut self) {}
}

impl Kind for BackupRun {
    const PLURAL: &'static str = "runs";
    const SINGULAR: &'static str = "run";

    fn settled(&mut self) {
        self.resolved();
    }
}

impl Kind for BackupSchedule {
    const PLURAL: &'static str = "schedules";
    const SINGULAR: &'static str = "schedule";
}

impl Kind for BackupDrill {
    const PLURAL: &'static str = "drills";
    const SINGULAR: &'static str = "drill";
}

impl Kind for BackupStorage {
    const PLURAL: &'static str = "storages";
    const SINGULAR: &'static str = "storage";
    const NAMESPACED: bool = false;
}

/// Where to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Where {
    /// One namespace; kinds that belong to none are found all the same.
    Namespace(String),
    /// All of them.
    All,
}

impl Where {
    /// All namespaces, or one.
    pub fn of(all: bool, namespace: &str) -> Self {
        if all {
            Self::All
        } else {
            Self::Namespace(namespace.into())
        }
    }

    /// What a list of the kind asks for: `list runs in namespace shop`.
    pub fn listing<K: Kind>(&self) -> String {
        format!("list {}{}", K::PLURAL, self.words::<K>())
    }

    /// ` in namespace shop`; nothing for a kind that belongs to none.
    pub fn words<K: Kind>(&self) -> String {
        match self {
            _ if !K::NAMESPACED => String::new(),
            Self::Namespace(name) => format!(" in namespace {name}"),
            Self::All => " in all namespaces".into(),
        }
    }
}

/// What was found.
#[derive(Debug)]
pub struct Found<K> {
    /// What can be read.
    pub objects: Vec<K>,
    /// The same objects as the API server gave them, in the same order.
    pub raw: Vec<DynamicObject>,
    /// `NAMESPACE/NAME: why` of those that cannot.
    pub unreadable: Vec<String>,
}

impl Session {
    /// The objects of a kind, page by page.
    ///
    /// # Errors
    /// The API server refused, or did not answer in time.
    pub async fn list<K: Kind>(&self, place: &Where, labels: Option<&str>) -> Result<Found<K>, Fault> {
        let mut all = Found::none();
        self.pages(place, labels, |page: Found<K>| all.add(page)).await?;
        Ok(all)
    }

    /// The runs of a schedule of the namespace that is meant, by their label: also where the schedule itself is not there.
    ///
    /// # Errors
    /// The API server refused, or did not answer in time.
    pub async fn runs_of(&self, schedule: &str) -> Result<Vec<BackupRun>, Fault> {
        let place = Where::Namespace(self.namespace.clone());
        let label = format!("{}={schedule}", api::labels::SCHEDULE);
        self.list(&place, Some(&label)).await.map(|found| found.objects)
    }

    /// The same, each page by itself: who needs little of each object keeps no more of it.
    ///
    /// # Errors
    /// The API server refused, or did not answer in time. What came before was taken.
    pub async fn pages<K: Kind>(
        &self,
        place: &Where,
        labels: Option<&str>,
        mut take: impl FnMut(Found<K>),
    ) -> Result<(), Fault> {
        let api = self.dynamic::<K>(place);
        let doing = place.listing::<K>();
        let mut params = ListParams::default().limit(PAGE);
        params.label_selector = labels.map(Into::into);
        loop {
            let page = self.ask(&doing, api.list(&params)).await?;
            let mut found = Found::none();
            page.items.into_iter().for_each(|object| found.take(object));
            take(found);
            match page.metadata.continue_ {
                Some(token) if !token.is_empty() => params.continue_token = Some(token),
                _ => return Ok(()),
            }
        }
    }

    /// Nothing was found in a namespace: is it one? Whoever may not know is told nothing.
    ///
    /// # Errors
    /// There is no such namespace.
    pub async fn known(&self, namespace: &str) -> Result<(), Fault> {
        let api: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(self.client.clone());
        match self.within(api.get_metadata(namespace)).await {
            Err(kube::Error::Api(said)) if said.code == 404 => Err(Fault::new(
                format!("look into namespace {namespace}"),
                "there is no such namespace",
                "kubectl get namespaces; what a namespace that is gone has left in a bucket: kubectl backup catalog STORAGE --orphans",
            )),
            _ => Ok(()),
        }
    }

    /// One object.
    ///
    /// # Errors
    /// It is not there, cannot be read, or the API server refused or did not answer in time.
    pub async fn get<K: Kind>(&self, namespace: &str, name: &str) -> Result<K, Fault> {
        let doing = if K::NAMESPACED {
            format!("get {} {name} in namespace {namespace}", K::SINGULAR)
        } else {
            format!("get {} {name}", K::SINGULAR)
        };
        let api = self.dynamic::<K>(&Where::Namespace(namespace.into()));
        let object = self.ask(&doing, api.get(name)).await.map_err(|fault| {
            let place = if K::NAMESPACED {
                format!(" -n {namespace}")
            } else {
                String::new()
            };
            match fault.is_missing() && !fault.is_unknown() {
                true => fault.with_next(format!("kubectl backup list {}{place}", K::PLURAL)),
                false => fault,
            }
        })?;
        read(&object).map_err(|why| Fault::new(doing, why, format!("kubectl get {} {name} -o yaml", K::plural(&()))))
    }

    /// One object, if it is there.
    ///
    /// # Errors
    /// It cannot be read, or the API server refused or did not answer in time.
    pub async fn find<K: Kind>(&self, namespace: &str, name: &str) -> Result<Option<K>, Fault> {
        let doing = format!("get {} {name}", K::SINGULAR);
        let api = self.dynamic::<K>(&Where::Namespace(namespace.into()));
        let Some(object) = self.ask(&doing, api.get_opt(name)).await? else {
            return Ok(None);
        };
        read(&object)
            .map(Some)
            .map_err(|why| Fault::new(doing, why, format!("kubectl get {} {name} -o yaml", K::plural(&()))))
    }

    /// Changes one object by a merge patch, and returns it as it is then.
    ///
    /// # Errors
    /// It is not there, or the API server refused or did not answer in time.
    pub async fn change<K: Kind>(
        &self,
        doing: &str,
        namespace: &str,
        name: &str,
        patch: &serde_json::Value,
    ) -> Result<DynamicObject, Fault> {
        let api = self.dynamic::<K>(&Where::Namespace(namespace.into()));
        let parameters = PatchParams {
            field_manager: Some("kubectl-backup".into()),
            ..PatchParams::default()
        };
        self.ask(doing, api.patch(name, &parameters, &Patch::Merge(patch)))
            .await
    }

    /// The kind's API, for what changes objects.
    pub fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Kind + Resource<Scope = kube::core::NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// The kind's API, for its objects as they are.
    pub fn dynamic<K: Kind>(&self, place: &Where) -> Api<DynamicObject> {
        let resource = ApiResource::erase::<K>(&());
        match place {
            Where::Namespace(name) if K::NAMESPACED => Api::namespaced_with(self.client.clone(), name, &resource),
            _ => Api::all_with(self.client.clone(), &resource),
        }
    }
}

impl<K: Kind> Found<K> {
    /// Nothing yet.
    pub fn none() -> Self {
        Self {
            objects: Vec::new(),
            raw: Vec::new(),
            unreadable: Vec::new(),
        }
    }

    /// More of them.
    pub fn add(&mut self, page: Self) {
        self.objects.extend(page.objects);
        self.raw.extend(page.raw);
        self.unreadable.extend(page.unreadable);
    }

    /// One more, where it can be read.
    pub fn take(&mut self, object: DynamicObject) {
        match read(&object) {
            Ok(readable) => {
                self.objects.push(readable);
                self.raw.push(object);
            }
            Err(why) => {
                let namespace = object.namespace().map(|n| n + "/").unwrap_or_default();
                self.unreadable.push(format!("{namespace}{}: {why}", object.name_any()));
            }
        }
    }
}

/// The object as this version reads it.
///
/// # Errors
/// In which words it is not.
pub fn read<K: Kind>(object: &DynamicObject) -> Result<K, String> {
    let value = serde_json::to_value(object).map_err(|e| e.to_string())?;
    let read = serde_json::from_value(value).map(|mut object: K| {
        object.settled();
        object
    });
    read.map_err(|e| format!("is not as this version of kubectl-backup reads it: {e}"))
}
