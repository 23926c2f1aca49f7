//! Manifests that are refused: the API server says of each what reconcile and `kubectl backup lint` say.
use e2e::admission::answered;
use e2e::case;
use e2e::case::Case;
use futures::{StreamExt, stream};
use kube::api::PostParams;
use kube::core::Request;
use serde_json::Value;
use testing::manifests::{Bad, bad};

/// How many are asked about at a time.
const AT_ONCE: usize = 8;

/// What is wrong with the answer, if anything.
async fn wrong(case: &Case, bad: Bad) -> Option<String> {
    let kind = bad.object["kind"].as_str().unwrap();
    let url = match kind {
        "BackupStorage" => "/apis/backup-operator.io/v1/backupstorages".to_string(),
        _ => format!(
            "/apis/backup-operator.io/v1/namespaces/{}/{}s",
            case.namespace(),
            kind.to_lowercase()
        ),
    };
    let parameters = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let mut request = Request::new(url)
        .create(&parameters, bad.object.to_string().into_bytes())
        .unwrap();
    // As kubectl asks: a field that is not known is refused, not dropped.
    let strict = format!("{}&fieldValidation=Strict", request.uri());
    *request.uri_mut() = strict.parse().unwrap();
    let wanted = bad.api.as_ref().unwrap_or(&bad.says);
    let said = match answered(|| case.client().request::<Value>(request.clone())).await {
        Err(kube::Error::Api(refusal)) if told(&refusal.message).contains(wanted.as_str()) => return None,
        Err(kube::Error::Api(refusal)) => refusal.message.clone(),
        Err(error) => error.to_string(),
        Ok(_) => "it was taken".into(),
    };
    Some(format!("{} ({}): {wanted:?} is not in {said:?}", bad.place, bad.rule))
}

/// As Kubernetes 1.35 says it: before that a rule of a field that is not there was told with a value, that of what it would be in.
fn told(message: &str) -> String {
    message.replace("Invalid value: \"object\": ", "Invalid value: ")
}

#[test]
fn the_api_server_refuses_every_bad_manifest_in_the_words_of_the_table() {
    case("manifests", |case| async move {
        let all = bad();
        let count = all.len();
        let answers = stream::iter(all).map(|bad| wrong(&case, bad)).buffer_unordered(AT_ONCE);
        let mut wrong: Vec<String> = answers.filter_map(|answer| async { answer }).collect().await;
        wrong.sort();
        assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    });
}
