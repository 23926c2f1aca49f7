//! cert-manager makes the webhook's certificate: the operator serves what is in the mounted Secret, and what comes there
//! later. Where the cluster has no cert-manager, its part is played here: what the chart's Certificate asks for is issued,
//! and the authority is put where the chart's annotation says.
use api::BackupRun;
use e2e::cluster::{apply_in, delete, merge, object};
use e2e::install::Kinds;
use e2e::runs::stream;
use e2e::{Case, install, operator, serial_case};
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, Client, ResourceExt};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};

const GROUP: &str = "cert-manager.io";
/// Kind and plural of what the chart makes.
static KINDS: [(&str, &str); 2] = [("Certificate", "certificates"), ("Issuer", "issuers")];
/// Where it is said whose authority a configuration trusts.
const INJECT: &str = "cert-manager.io/inject-ca-from";

/// Issues what the Certificate asks for by a new authority, and lets that one be trusted instead of the last.
async fn issue(client: &Client, kinds: &Kinds) {
    let certificates = kinds.objects("Certificate");
    let asked = certificates.get("backup-operator-webhook").await.unwrap().data;
    let text = |value: &Value| value.as_str().unwrap().to_string();
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    authority
        .distinguished_name
        .push(DnType::CommonName, "authority of the tests");
    let trusted = authority.self_signed(&key).unwrap().pem();
    let names: Vec<_> = asked["spec"]["dnsNames"].as_array().unwrap().iter().map(text).collect();
    let leaf = CertificateParams::new(names).unwrap();
    let leaf_key = KeyPair::generate().unwrap();
    let chain = leaf
        .signed_by(&leaf_key, &Issuer::from_params(&authority, &key))
        .unwrap()
        .pem();
    let data = json!({"tls.crt": chain, "tls.key": leaf_key.serialize_pem(), "ca.crt": trusted});
    let secrets: Api<Secret> = Api::namespaced(client.clone(), operator::NAMESPACE);
    let metadata = json!({"name": text(&asked["spec"]["secretName"])});
    apply_in(
        &secrets,
        json!({"metadata": metadata, "type": "kubernetes.io/tls", "stringData": data}),
    )
    .await;

    let configurations: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let mut configuration = configurations.get(install::NAME).await.unwrap();
    let whose = format!("{}/backup-operator-webhook", operator::NAMESPACE);
    assert_eq!(configuration.annotations().get(INJECT), Some(&whose));
    for webhook in configuration.webhooks.iter_mut().flatten() {
        webhook.client_config.ca_bundle = Some(k8s_openapi::ByteString(trusted.clone().into_bytes()));
    }
    configuration.metadata.managed_fields = None;
    configurations
        .replace(install::NAME, &PostParams::default(), &configuration)
        .await
        .unwrap();
}

/// The webhook refuses what only it can see.
async fn answers(case: &Case, seconds: u64) {
    let mut spec = stream("/db", "random 10");
    spec["encryption"] = json!({"recipients": ["age1wrong"], "decryptionKey": {"name": "a", "key": "b"}});
    let run: BackupRun = object(json!({
        "apiVersion": "backup-operator.io/v1", "kind": "BackupRun", "metadata": {"name": "tried"}, "spec": spec
    }));
    case.wait("the webhook answers", seconds, || async {
        match case.runs().create(&PostParams::default(), &run).await {
            Err(kube::Error::Api(status)) => status.message.contains("spec.encryption.recipients[0]").then_some(()),
            // The API server does not know of the webhook yet.
            Ok(_) => {
                case.runs().delete("tried", &DeleteParams::default()).await.ok()?;
                None
            }
            Err(error) => panic!("{error}"),
        }
    })
    .await;
}

#[test]
fn the_certificate_that_cert_manager_makes_is_served_and_so_is_the_next() {
    serial_case(super::alone(), "certmanager", |case| async move {
        let client = case.client();
        let kinds = Kinds::look(client, GROUP, &KINDS).await;
        let played = kinds.played;
        let work = async {
            if played {
                kinds.make().await;
            }
            // Its own certificate is of no use any more.
            let secrets: Api<Secret> = Api::namespaced(client.clone(), operator::NAMESPACE);
            install::remove_chart();
            // Nobody is left who would make it again, for a Pod to mount.
            let deployments: Api<Deployment> = Api::namespaced(client.clone(), operator::NAMESPACE);
            if deployments.get_opt(install::NAME).await.unwrap().is_some() {
                delete(&deployments, install::NAME).await;
            }
            case.wait("no operator is left", 60, || async {
                (operator::count(client).await == 0).then_some(())
            })
            .await;
            delete(&secrets, "backup-operator-webhook").await;
            install::chart(&json!({"webhook": {"certManager": {"enabled": true}}}), !played);
            if played {
                issue(client, &kinds).await;
            }
            answers(&case, 90).await;
            case.keeps("db");
            case.backup("db", stream(&case.path("db"), "random 1000")).await;
            if !played {
                return;
            }
            let pods: Api<Pod> = Api::namespaced(client.clone(), operator::NAMESPACE);
            let ours = ListParams::default().labels("app.kubernetes.io/name=backup-operator");
            let before = running(&pods, &ours).await;
            issue(client, &kinds).await;
            for (pod, _) in &before {
                // The kubelet looks at a Pod's Secrets again when the Pod changes, and every minute.
                merge(&pods, pod, json!({"metadata": {"annotations": {"e2e": "look again"}}})).await;
            }
            answers(&case, 120).await;
            assert_eq!(running(&pods, &ours).await, before, "no container was started anew");
        };
        install::restored(client, work).await;
        kinds.remove().await;
    });
}

/// Pods that are not about to end, and how often their containers were started anew.
async fn running(pods: &Api<Pod>, ours: &ListParams) -> Vec<(String, i32)> {
    let mut all: Vec<_> = pods
        .list(ours)
        .await
        .unwrap()
        .iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_none())
        .map(|pod| (pod.name_any(), operator::restarts(pod)))
        .collect();
    all.sort();
    all
}
