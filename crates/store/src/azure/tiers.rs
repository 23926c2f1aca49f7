//! Blobs that are held, and blobs that lie in the Archive tier.
use super::Container;
use super::look::of;
use crate::error::{StoreError, StoreErrorKind};
use crate::signing::Pairs;
use crate::wanted::Thaw;

impl Container {
    /// Puts a legal hold on a blob, or on one version of it, or takes it off. The account has to know immutable versions.
    pub(crate) async fn hold(&self, key: &str, version: Option<&str>, on: bool) -> Result<(), StoreError> {
        let mut query = of(version);
        query.insert("comp".into(), "legalhold".into());
        let headers = Pairs::from([("x-ms-legal-hold".to_string(), on.to_string())]);
        self.set("hold", key, query, headers).await
    }

    /// Has a blob of the Archive tier brought back to Hot, where it stays: Azure knows no days.
    pub(crate) async fn thaw(&self, key: &str, version: Option<&str>, thaw: Thaw) -> Result<(), StoreError> {
        let mut query = of(version);
        query.insert("comp".into(), "tier".into());
        let priority = if thaw.tier == "Expedited" { "High" } else { "Standard" };
        let headers = Pairs::from([
            ("x-ms-access-tier".to_string(), "Hot".to_string()),
            ("x-ms-rehydrate-priority".to_string(), priority.to_string()),
        ]);
        match self.set("bring back", key, query, headers).await {
            // It comes already.
            Err(error) if error.kind() == StoreErrorKind::UnderWay => Ok(()),
            asked => asked,
        }
    }

    async fn set(&self, step: &'static str, key: &str, query: Pairs, mut headers: Pairs) -> Result<(), StoreError> {
        headers.insert("content-length".into(), "0".into());
        self.ask(step, http::Method::PUT, key, query, headers).await.map(drop)
    }
}
