//! What who looks may change: asked of the API server, so that a button that would be refused is off. It alone decides when one is pressed.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::Api;
use kube::api::PostParams;

use crate::read::connect::Session;
use crate::read::objects::Kind;

/// An answer is believed for so long: each page asks.
const GOOD: Duration = Duration::from_secs(30);
/// Questions under way at a time.
const AT_A_TIME: usize = 8;
/// Namespaces that are asked about for one page: the buttons of the others are on.
const NAMESPACES: usize = 100;
/// Answers that are kept.
const KEPT: usize = 1000;

/// Of which kind (its plural), in which namespace.
type About = (String, String);

/// The answers of the last seconds.
#[derive(Default)]
pub struct Rights(Mutex<BTreeMap<About, (Instant, bool)>>);

impl Rights {
    /// Whether objects of a kind may be changed in a namespace; in all of them, where that is "". Where nobody answers, perhaps.
    pub async fn may_change<K: Kind>(&self, session: &Session, namespace: &str) -> bool {
        let about = (K::plural(&()).into_owned(), namespace.to_string());
        let known = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&about)
            .copied();
        if let Some((_, may)) = known.filter(|(at, _)| at.elapsed() < GOOD) {
            return may;
        }
        let reviews: Api<SelfSubjectAccessReview> = Api::all(session.client.clone());
        let (parameters, review) = (PostParams::default(), review::<K>(namespace));
        let asked = session.within(reviews.create(&parameters, &review)).await;
        let Some(status) = asked.ok().and_then(|review| review.status) else {
            return true;
        };
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= KEPT {
            answers.clear();
        }
        answers.insert(about, (Instant::now(), status.allowed));
        status.allowed
    }

    /// Those of these namespaces in which objects of a kind may not be changed.
    pub async fn denied<K: Kind>(&self, session: &Session, namespaces: BTreeSet<String>) -> BTreeSet<String> {
        if namespaces.is_empty() || self.may_change::<K>(session, "").await {
            return BTreeSet::new();
        }
        let asked = futures::stream::iter(namespaces.into_iter().take(NAMESPACES)).map(|namespace| async move {
            let may = self.may_change::<K>(session, &namespace).await;
            (!may).then_some(namespace)
        });
        asked
            .buffer_unordered(AT_A_TIME)
            .filter_map(std::future::ready)
            .collect()
            .await
    }
}

fn review<K: Kind>(namespace: &str) -> SelfSubjectAccessReview {
    SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                group: Some(K::group(&()).into_owned()),
                resource: Some(K::plural(&()).into_owned()),
                namespace: Some(namespace.into()),
                verb: Some("patch".into()),
                ..ResourceAttributes::default()
            }),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    }
}
