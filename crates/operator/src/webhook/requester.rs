//! May the one who asks do by himself what the operator would do for him? The API server answers, by SubjectAccessReview.
use std::collections::BTreeMap;

use api::{BackupRunSpec, BackupStorageSpec};
use k8s_openapi::api::authentication::v1::UserInfo;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::api::PostParams;
use kube::{Api, Client};
use planner::validate::{Fault, account};

/// What somebody has to be allowed to do.
#[derive(Debug, PartialEq, Eq)]
pub struct Need {
    /// The field that makes it necessary.
    pub field: String,
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
    namespace: String,
    name: Option<String>,
    /// Why, and what to ask for.
    why: &'static str,
}

/// Of a run or a schedule: its commands run in a Pod.
pub fn of_run(spec: &BackupRunSpec, field: &str, namespace: &str) -> Vec<Need> {
    let pods = Need {
        field: format!("{field}.template"),
        verb: "create",
        group: "",
        resource: "pods",
        namespace: namespace.into(),
        name: None,
        why: "a run runs its commands in a Pod of its namespace, with all that Pods reach there; the ClusterRole edit has that right",
    };
    // Whoever may create Pods may use the namespace's default account; another one is used in its name.
    let account = account(&spec.template.spec)
        .filter(|(_, name)| *name != "default")
        .map(|(named, name)| Need {
            field: format!("{field}.template.spec.{named}"),
            verb: "impersonate",
            group: "",
            resource: "serviceaccounts",
            namespace: namespace.into(),
            name: Some(name.clone()),
            why: "the commands of a run act as that ServiceAccount; the ClusterRole edit has that right",
        });
    [Some(pods), account].into_iter().flatten().collect()
}

/// Of a storage: the operator uses the access keys of a Secret for it.
pub fn of_storage(spec: &BackupStorageSpec) -> Vec<Need> {
    let need = spec.credentials.as_ref().map(|reference| Need {
        field: "spec.credentials".into(),
        verb: "get",
        group: "",
        resource: "secrets",
        namespace: reference.namespace.clone(),
        name: Some(reference.name.clone()),
        why: "a storage uses the access keys in it, at an endpoint of its own choice",
    });
    need.into_iter().collect()
}

/// To be told of what is in a namespace.
pub fn of_a_look(group: &'static str, resource: &'static str, namespace: &str) -> Need {
    Need {
        field: String::new(),
        verb: "list",
        group,
        resource,
        namespace: namespace.into(),
        name: None,
        why: "",
    }
}

impl Need {
    /// The question, about somebody.
    fn question(&self, user: &UserInfo) -> SubjectAccessReview {
        SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: user.username.clone(),
                uid: user.uid.clone(),
                groups: user.groups.clone(),
                extra: user.extra.clone().map(BTreeMap::from_iter),
                resource_attributes: Some(ResourceAttributes {
                    group: Some(self.group.into()),
                    verb: Some(self.verb.into()),
                    resource: Some(self.resource.into()),
                    namespace: Some(self.namespace.clone()),
                    name: self.name.clone(),
                    ..ResourceAttributes::default()
                }),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        }
    }

    /// Whether somebody may.
    pub async fn may(&self, client: &Client, user: &UserInfo) -> Result<bool, kube::Error> {
        let reviews: Api<SubjectAccessReview> = Api::all(client.clone());
        let answer = reviews.create(&PostParams::default(), &self.question(user)).await?;
        Ok(answer.status.is_some_and(|s| s.allowed))
    }

    /// The answer to one who may not.
    pub fn refusal(&self, user: &UserInfo) -> Fault {
        let who = user.username.as_deref().unwrap_or("whoever asks");
        let what = match &self.name {
            Some(name) => format!("{} {} {name:?}", self.verb, self.resource),
            None => format!("{} {}", self.verb, self.resource),
        };
        Fault::new(
            self.field.clone(),
            format!("{who} may not {what} in namespace {:?}: {}", self.namespace, self.why),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_needs_the_right_to_create_pods_and_to_act_as_an_account_that_it_names() {
        let needs = |account: Option<&str>| {
            let mut spec = testing::backup_run().spec;
            spec.template.spec.service_account_name = account.map(Into::into);
            let all = of_run(&spec, "spec", "shop");
            all.iter()
                .map(|n| format!("{} {} {:?}", n.verb, n.resource, n.name))
                .collect::<Vec<_>>()
        };
        let pods = "create pods None";
        for (account, wanted) in [
            (None, vec![pods]),
            (Some(""), vec![pods]),
            (Some("default"), vec![pods]),
            (Some("admin"), vec![pods, "impersonate serviceaccounts Some(\"admin\")"]),
        ] {
            assert_eq!(needs(account), wanted, "{account:?}");
        }
    }

    #[test]
    fn an_account_that_the_field_of_old_names_is_asked_for_as_the_pod_would_have_it() {
        for (name, old, wanted) in [
            (None, "admin", Some(("serviceAccount", "admin"))),
            (Some(""), "admin", Some(("serviceAccount", "admin"))),
            (Some("own"), "admin", Some(("serviceAccountName", "own"))),
            (Some("default"), "admin", None),
            (None, "default", None),
            (None, "", None),
        ] {
            let mut spec = testing::backup_run().spec;
            spec.template.spec.service_account_name = name.map(Into::into);
            spec.template.spec.service_account = Some(old.into());
            let all = of_run(&spec, "spec", "shop");
            let need = all.iter().find(|need| need.verb == "impersonate");
            let asked = need.and_then(|need| Some((need.field.as_str(), need.name.as_deref()?)));
            let wanted = wanted.map(|(field, name)| (format!("spec.template.spec.{field}"), name));
            let wanted = wanted.as_ref().map(|(field, name)| (field.as_str(), *name));
            assert_eq!(asked, wanted, "{name:?} {old:?}");
        }
    }

    #[test]
    fn a_refusal_names_the_field_the_user_and_the_right() {
        let need = &of_run(&testing::backup_run().spec, "spec.template.spec", "shop")[0];
        let user = UserInfo {
            username: Some("eve".into()),
            ..UserInfo::default()
        };
        let said = need.refusal(&user).to_string();
        assert!(
            said.starts_with("spec.template.spec.template: eve may not create pods in namespace \"shop\""),
            "{said}"
        );
        let asked = need.question(&user).spec;
        assert_eq!(asked.user.as_deref(), Some("eve"));
        assert_eq!(asked.resource_attributes.unwrap().namespace.as_deref(), Some("shop"));
    }
}
