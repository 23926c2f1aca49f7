//! What the operator told of an object in an Event: why it did not do what was asked for.
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Event as Told;
use kube::api::DynamicObject;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Config, Event};
use kube::{Api, ResourceExt};

use crate::read::connect::Session;

/// Events come after what they tell of; this long they are waited for.
const LATE: Duration = Duration::from_secs(10);

/// The words of the first Event of an object that has one of these reasons and is not older than the change that it answers; None where
/// there is none, or it may not be read.
pub async fn answer(session: &Session, changed: &DynamicObject, reasons: &[&str]) -> Option<String> {
    let uid = changed.uid()?;
    let since = at(changed)?;
    let api: Api<Told> = Api::namespaced(session.client.clone(), &changed.namespace()?);
    let config = Config::default().fields(&format!("involvedObject.uid={uid}"));
    let mut events = Box::pin(watcher::watcher(api, config).default_backoff());
    let seek = async {
        while let Some(event) = events.next().await {
            let Ok(Event::Apply(told) | Event::InitApply(told)) = event else {
                continue;
            };
            let wanted = told.reason.as_deref().is_some_and(|r| reasons.contains(&r));
            // By the API server's clock, as the change.
            if wanted && told.creation_timestamp().is_some_and(|t| t.0 >= since) {
                return told.message;
            }
        }
        None
    };
    tokio::time::timeout(LATE, seek).await.ok().flatten()
}

/// When an object was changed last, by the API server's clock.
fn at(object: &DynamicObject) -> Option<jiff::Timestamp> {
    let fields = object.metadata.managed_fields.as_ref()?;
    fields.iter().filter_map(|f| Some(f.time.as_ref()?.0)).max()
}
