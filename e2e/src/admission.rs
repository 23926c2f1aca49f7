//! The webhook under test: what is kept from it, and who asks it.
use std::future::Future;
use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::authorization::v1::SelfSubjectRulesReview;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{Patch, PatchParams, PostParams};
use kube::config::AuthInfo;
use kube::{Api, Client, Config};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::case::Case;
use crate::cluster::MANAGER;

/// On an object of the tests: it is not shown to the webhook, as if it had come in while that was away.
pub const UNADMITTED: &str = "e2e-unadmitted";
/// The configuration.
pub const CONFIGURATION: &str = "backup-operator";
/// Its one webhook.
const WEBHOOK: &str = "validate.backup-operator.io";
/// How long the webhook may be out of reach: an operator was just killed by another case.
pub(crate) const AWAY: Duration = Duration::from_secs(30);

/// How long the API server's authorizer may take to hear of a role.
const HEARD: Duration = Duration::from_secs(30);

/// Teaches the API server that label.
pub async fn set_up(client: &Client) {
    let all: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let expression = format!("!(has(object.metadata.labels) && '{UNADMITTED}' in object.metadata.labels)");
    let change = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": CONFIGURATION},
        "webhooks": [{"name": WEBHOOK, "matchConditions": [{"name": UNADMITTED, "expression": expression}]}],
    });
    let parameters = PatchParams::apply(MANAGER).force();
    all.patch(CONFIGURATION, &parameters, &Patch::Apply(&change))
        .await
        .unwrap_or_else(|e| panic!("the webhook's configuration: {e}"));
}

/// Whether a refusal says nothing of what was asked: no operator answers the webhook, or it had no time to look things up.
pub fn is_away(refusal: &str) -> bool {
    ["failed calling webhook", "it cannot be checked now"]
        .iter()
        .any(|words| refusal.contains(words))
}

/// Tries again while no operator answers the webhook.
pub async fn answered<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, kube::Error>
where
    F: Future<Output = Result<T, kube::Error>>,
{
    let until = Instant::now() + AWAY;
    loop {
        match attempt().await {
            Err(kube::Error::Api(status)) if is_away(&status.message) && Instant::now() < until => {
                sleep(Duration::from_millis(250)).await;
            }
            done => return done,
        }
    }
}

impl Case {
    /// A ServiceAccount of the case that may do so in its namespace, and a client that is it, by a token of its own.
    pub async fn account(&self, name: &str, rules: Value) -> Client {
        let metadata = json!({"name": name});
        self.apply::<ServiceAccount>(json!({"metadata": metadata})).await;
        self.apply::<Role>(json!({"metadata": metadata, "rules": rules.clone()}))
            .await;
        let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name});
        let subjects = json!([{"kind": "ServiceAccount", "name": name, "namespace": self.namespace()}]);
        self.apply::<RoleBinding>(json!({"metadata": metadata, "roleRef": role, "subjects": subjects}))
            .await;
        let accounts: Api<ServiceAccount> = self.api();
        let request = TokenRequest {
            spec: TokenRequestSpec {
                expiration_seconds: Some(3600),
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let answer = accounts
            .create_token_request(name, &PostParams::default(), &request)
            .await
            .unwrap_or_else(|e| panic!("a token of {name}: {e}"));
        let mut config = Config::infer().await.expect("the file that KUBECONFIG names");
        config.auth_info = AuthInfo {
            token: Some(answer.status.expect("a token").token.into()),
            ..AuthInfo::default()
        };
        let client = Client::try_from(config).expect("a client");
        permitted(&client, self.namespace(), &rules).await;
        client
    }
}

/// Waits until the API server's authorizer knows that who asks may do so in that namespace: it hears of roles and bindings by a watch, so
/// that for a moment after they were made it refuses what they allow.
pub async fn permitted(client: &Client, namespace: &str, rules: &Value) {
    let reviews: Api<SelfSubjectRulesReview> = Api::all(client.clone());
    let review: SelfSubjectRulesReview =
        serde_json::from_value(json!({"spec": {"namespace": namespace}})).expect("a review");
    let until = Instant::now() + HEARD;
    loop {
        let answer = reviews.create(&PostParams::default(), &review).await;
        let known = answer.as_ref().ok().and_then(|answer| answer.status.as_ref());
        let known = known.map(|status| json!(status.resource_rules)).unwrap_or_default();
        if missing(rules, &known).is_empty() {
            return;
        }
        assert!(
            Instant::now() < until,
            "what is allowed to {namespace} is not known: {rules}, and {answer:?}"
        );
        sleep(Duration::from_millis(50)).await;
    }
}

/// The rules that are not among the known ones.
fn missing<'a>(rules: &'a Value, known: &Value) -> Vec<&'a Value> {
    let known = known.as_array().map_or(&[][..], Vec::as_slice);
    let rules = rules.as_array().map_or(&[][..], Vec::as_slice);
    rules.iter().filter(|&rule| !known.contains(rule)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_the_authorizer_has_not_heard_of_is_waited_for() {
        let rule = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]});
        let other = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]});
        assert_eq!(missing(&json!([rule, other]), &json!([rule])), [&other]);
        assert_eq!(missing(&json!([rule]), &json!([other, rule])), [] as [&Value; 0]);
        assert_eq!(missing(&json!([]), &json!([other])), [] as [&Value; 0]);
        assert_eq!(missing(&json!([rule]), &json!(null)), [&rule]);
    }
}
