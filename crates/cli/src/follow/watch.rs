//! One object, each time that it changes: a watch that is made again when it breaks.
use futures::{Stream, StreamExt};
use kube::api::{ApiResource, DynamicObject};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher::Config};
use kube::{Api, Resource};

use crate::read::connect::Session;
use crate::read::fault::{Fault, with_causes};
use crate::read::objects::{Kind, read};

/// Seconds after which the API server ends a watch by itself, and another one is made.
const LONGEST: u32 = 290;

/// What a watch tells.
#[derive(Debug)]
pub enum News<K> {
    /// The object as it is now.
    Is(Box<K>),
    /// There is none of that name (any more).
    Gone,
    /// The API server cannot be asked; it is asked again. Why, in words.
    Broken(String),
    /// It never will be answered.
    Refused(Fault),
}

/// Follows one object of a namespace.
pub fn one<K: Kind>(session: &Session, namespace: &str, name: &str) -> impl Stream<Item = News<K>> + use<K> {
    let resource = ApiResource::erase::<K>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(session.client.clone(), namespace, &resource);
    let config = Config::default()
        .fields(&format!("metadata.name={name}"))
        .timeout(LONGEST);
    let doing = format!("watch {} {name} in namespace {namespace}", K::SINGULAR);
    let next = format!(
        "kubectl get {} {name} -n {namespace} -o yaml",
        <K as Resource>::plural(&())
    );
    let mut here = false;
    watcher::watcher(api, config)
        .default_backoff()
        .filter_map(move |event| std::future::ready(news(event, &mut here, &doing, &next)))
}

fn news<K: Kind>(
    event: Result<Event<DynamicObject>, watcher::Error>,
    here: &mut bool,
    doing: &str,
    next: &str,
) -> Option<News<K>> {
    match event {
        Ok(Event::Apply(object) | Event::InitApply(object)) => {
            *here = true;
            let why = match read(&object) {
                Ok(object) => return Some(News::Is(Box::new(object))),
                Err(why) => why,
            };
            Some(News::Refused(Fault::new(doing, why, next)))
        }
        Ok(Event::Init) => {
            *here = false;
            None
        }
        Ok(Event::InitDone) => (!*here).then_some(News::Gone),
        Ok(Event::Delete(_)) => Some(News::Gone),
        Err(error) => {
            let api = match &error {
                watcher::Error::InitialListFailed(e)
                | watcher::Error::WatchStartFailed(e)
                | watcher::Error::WatchFailed(e) => Some(e),
                watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion => None,
            };
            match api {
                Some(refusal @ kube::Error::Api(status)) if matches!(status.code, 401 | 403 | 404) => {
                    Some(News::Refused(Fault::of(doing, refusal)))
                }
                _ => Some(News::Broken(planner::mask::masked(&with_causes(&error)))),
            }
        }
    }
}
