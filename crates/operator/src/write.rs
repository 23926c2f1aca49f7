//! Writes to the API server: all with a deadline, all guarded by the version that the decision was made from.
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use kube::api::{Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Until the API server has answered.
pub const API: Duration = Duration::from_secs(20);

/// Why a write did not happen.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The object has changed since it was observed: observe again.
    #[error("the object has changed meanwhile")]
    Stale,
    /// The API server said no.
    #[error("the API server refused to {0}")]
    Refused(&'static str, #[source] kube::Error),
    /// The API server did not answer.
    #[error("the API server did not answer in time to {0}")]
    Timeout(&'static str),
}

/// Waits for an answer of the API server, but not for ever.
pub async fn bounded<T>(what: &'static str, call: impl Future<Output = kube::Result<T>>) -> Result<T, WriteError> {
    match tokio::time::timeout(API, call).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(kube::Error::Api(status))) if status.code == 409 => Err(WriteError::Stale),
        Ok(Err(error)) => Err(WriteError::Refused(what, error)),
        Err(_) => Err(WriteError::Timeout(what)),
    }
}

/// One object, as it was observed or last written.
pub struct Written<K> {
    api: Api<K>,
    name: String,
    version: Option<String>,
    confirmed: bool,
}

impl<K> Written<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Serialize + Debug,
{
    /// Writes to the observed version of the object only.
    pub fn new(api: Api<K>, observed: &K) -> Self {
        Self {
            api,
            name: observed.name_any(),
            version: observed.resource_version(),
            confirmed: false,
        }
    }

    /// That the observed version is still the last one, by a write to it or else by asking: what no version guards waits for
    /// this, because what was observed comes from a cache that may be behind.
    pub async fn confirm(&mut self) -> Result<(), WriteError> {
        if self.confirmed {
            return Ok(());
        }
        let found = bounded("read the object's version", self.api.get_metadata_opt(&self.name)).await?;
        if found.is_none_or(|f| f.resource_version() != self.version) {
            return Err(WriteError::Stale);
        }
        self.confirmed = true;
        Ok(())
    }

    /// Replaces the status, by server-side apply with our one field manager. What somebody else has written there too (a tool that
    /// brings objects back with their status) is not ours to leave out in an apply, and would stand for ever: then the whole is
    /// replaced.
    pub async fn status(&mut self, status: &impl Serialize) -> Result<(), WriteError> {
        let wanted = readable(serde_json::to_value(status).unwrap_or_default());
        let patch = Patch::Apply(json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            "metadata": { "name": self.name, "resourceVersion": self.version },
            "status": wanted,
        }));
        let parameters = PatchParams::apply(api::labels::FIELD_MANAGER).force();
        let written = self.api.patch_status(&self.name, &parameters, &patch);
        let object = bounded("write the status", written).await?;
        self.version = object.resource_version();
        self.confirmed = true;
        let seen = serde_json::to_value(&object).unwrap_or_default();
        if seen.get("status").is_none_or(|seen| *seen == wanted) {
            return Ok(());
        }
        let seen = seen.get("status").cloned().unwrap_or_default();
        let whole = Patch::Merge(json!({
            "metadata": { "resourceVersion": self.version },
            "status": replacing(&seen, &wanted),
        }));
        let parameters = PatchParams {
            field_manager: Some(api::labels::FIELD_MANAGER.into()),
            ..PatchParams::default()
        };
        let written = self.api.patch_status(&self.name, &parameters, &whole);
        self.version = bounded("write the whole status", written).await?.resource_version();
        Ok(())
    }

    /// Sets an annotation, or removes it.
    pub async fn annotation(&mut self, name: &str, value: Option<&str>) -> Result<(), WriteError> {
        self.annotations(&[(name, value)]).await
    }

    /// Sets and removes annotations in one write.
    pub async fn annotations(&mut self, changes: &[(&str, Option<&str>)]) -> Result<(), WriteError> {
        let changes: BTreeMap<_, _> = changes.iter().copied().collect();
        self.metadata(json!({ "annotations": changes })).await
    }

    /// Replaces the finalizers and sets annotations in one write.
    pub async fn begin(&mut self, finalizers: &[String], changes: &[(&str, Option<&str>)]) -> Result<(), WriteError> {
        let changes: BTreeMap<_, _> = changes.iter().copied().collect();
        self.metadata(json!({ "finalizers": finalizers, "annotations": changes }))
            .await
    }

    /// Replaces the finalizers.
    pub async fn finalizers(&mut self, finalizers: &[String]) -> Result<(), WriteError> {
        self.metadata(json!({ "finalizers": finalizers })).await
    }

    /// Puts our finalizer beside those that are there.
    pub async fn hold(&mut self, finalizers: &[String]) -> Result<(), WriteError> {
        let mut all = finalizers.to_vec();
        all.push(api::labels::FINALIZER.into());
        self.finalizers(&all).await
    }

    /// Takes our finalizers off, if there are any.
    pub async fn release(&mut self, finalizers: &[String]) -> Result<(), WriteError> {
        let left: Vec<_> = finalizers
            .iter()
            .filter(|f| !api::labels::is_our_finalizer(f))
            .cloned()
            .collect();
        if left.len() == finalizers.len() {
            Ok(())
        } else {
            self.finalizers(&left).await
        }
    }

    async fn metadata(&mut self, mut change: Value) -> Result<(), WriteError> {
        if let Some(fields) = change.as_object_mut() {
            fields.insert("resourceVersion".into(), json!(self.version));
        }
        let patch = Patch::Merge(json!({ "metadata": change }));
        let parameters = PatchParams {
            field_manager: Some(api::labels::FIELD_MANAGER.into()),
            ..PatchParams::default()
        };
        let written = self.api.patch(&self.name, &parameters, &patch);
        self.version = bounded("write metadata", written).await?.resource_version();
        self.confirmed = true;
        Ok(())
    }
}

/// The same without the characters that YAML 1.2 (5.1) has no place for. A server-side apply is read as YAML, and one such character in a
/// word of a store, a kubelet or a tenant would have the API server refuse this status for ever, and the run with it.
fn readable(mut value: Value) -> Value {
    match &mut value {
        Value::String(text) if !text.chars().all(is_printable) => text.retain(is_printable),
        Value::Array(all) => all.iter_mut().for_each(|v| *v = readable(v.take())),
        Value::Object(all) => all.values_mut().for_each(|v| *v = readable(v.take())),
        _ => {}
    }
    value
}

fn is_printable(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

/// The merge patch that makes one of the other: what is not wanted is null in it (RFC 7396).
fn replacing(seen: &Value, wanted: &Value) -> Value {
    let (Value::Object(seen), Value::Object(wanted)) = (seen, wanted) else {
        return wanted.clone();
    };
    let gone = seen.keys().filter(|name| !wanted.contains_key(*name));
    let gone = gone.map(|name| (name.clone(), Value::Null));
    let kept = wanted.iter().map(|(name, value)| {
        let value = seen
            .get(name)
            .map_or_else(|| value.clone(), |seen| replacing(seen, value));
        (name.clone(), value)
    });
    gone.chain(kept).collect()
}

#[cfg(test)]
mod tests;
