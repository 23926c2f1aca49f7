//! Downloads by URLs that the operator signs: for who has the right, of a whole object, and nothing that others could use.
use api::{BackupRun, labels};
use e2e::kubectl::{answered, plugin};
use e2e::runs::{status, stream};
use e2e::{Case, case, cluster};
use kube::ResourceExt;
use serde_json::{Value, json};

/// `kubectl backup ARGS` as an account of the case, with the store as it is reached from here.
async fn as_account(case: &Case, account: &str, args: &[&str]) -> (bool, String) {
    let endpoint = format!("http://{}", case.store().host());
    let user = format!("system:serviceaccount:{}:{account}", case.namespace());
    answered(|| {
        let mut command = plugin(args);
        command.args(["-n", case.namespace(), "--as", &user, "--endpoint", &endpoint]);
        command
    })
    .await
}

fn rules(more: &[Value]) -> Value {
    let runs = json!({"apiGroups": [api::GROUP], "resources": ["backupruns"], "verbs": ["get", "list", "patch"]});
    let mut all = vec![runs];
    all.extend_from_slice(more);
    Value::Array(all)
}

#[test]
fn a_backup_is_lent_to_who_has_the_right_and_needs_no_secret() {
    case("downloads", |case| async move {
        let right = json!({"apiGroups": [api::GROUP], "resources": ["backupruns/download"], "verbs": ["create"]});
        case.account("reader", rules(&[right])).await;
        case.account("other", rules(&[])).await;
        case.keeps("db");
        let run = case.backup("db", stream(&case.path("db"), "random 12M 5")).await;
        let file = std::env::temp_dir().join(format!("{}-lent", case.namespace()));
        let path = file.to_str().expect("a path");
        let args = ["download", "db", "-o", path];

        let (ok, text) = as_account(&case, "other", &args).await;
        let wanted = "may not create backupruns/download of backup-operator.io";
        assert!(
            !ok && text.contains(wanted) && text.contains("try: kubectl create role"),
            "{text}"
        );
        let (ok, text) = as_account(&case, "other", &["download", "db", "-o", path, "--with-secret"]).await;
        assert!(
            !ok && text.contains("backupstorages") && text.contains("orbidden"),
            "{text}"
        );
        assert!(!file.exists(), "nothing is left");

        let (ok, text) = as_account(&case, "reader", &args).await;
        let bytes = std::fs::read(&file).unwrap_or_default();
        assert!(
            ok && bytes == e2e::bytes::random(12 << 20, 5),
            "{} bytes: {text}",
            bytes.len()
        );
        assert!(text.contains("as expected"), "{text}");
        let (ok, text) = as_account(&case, "reader", &["verify", "db"]).await;
        assert!(ok, "{text}");
        // The answer is written first, then the request is taken off, then it is told.
        let seen = case
            .until("db", "has no request left", 30, |run| {
                (!run.annotations().contains_key(labels::DOWNLOAD)).then(|| run.clone())
            })
            .await;
        let lent = status(&seen).download.expect("the answer stands");
        let sealed = lent.sealed.expect("a URL");
        assert!(sealed.starts_with("-----BEGIN AGE") && !serde_json::to_string(&seen).unwrap().contains("X-Amz"));
        assert_eq!(
            status(&seen).conditions,
            status(&run).conditions,
            "and the backup is as good as before"
        );
        case.wait("an Event tells of it", 30, || async {
            let events = case.events("db").await;
            events.iter().any(|e| e.contains("DownloadGiven")).then_some(())
        })
        .await;

        // A request of his own making tells nobody but himself.
        let wrong = json!({"metadata": {"annotations": {labels::DOWNLOAD: "me"}}});
        let api = case.runs();
        let (parameters, merge) = (Default::default(), kube::api::Patch::Merge(&wrong));
        let refused = api.patch("db", &parameters, &merge).await.unwrap_err().to_string();
        assert!(refused.contains("must be one age recipient"), "{refused}");

        // What has become of the object since is seen as ever.
        let key = case.key("db");
        let whole = case.store().get(&key);
        case.store().put(&key, &whole[..whole.len() - 1]);
        std::fs::remove_file(&file).unwrap();
        let (ok, text) = as_account(&case, "reader", &args).await;
        assert!(!ok && !file.exists(), "{text}");
    });
}

#[test]
fn a_run_without_a_good_backup_lends_nothing_and_says_why() {
    case("downloads-none", |case| async move {
        case.start("bad", stream(&case.path("bad"), "fail 1 random 10")).await;
        case.failed("bad", "CommandFailed", 90).await;
        let (ok, text) = as_account(&case, "nobody", &["download", "bad"]).await;
        assert!(!ok, "{text}");
        let key = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
        cluster::annotate::<BackupRun>(&case.runs(), "bad", labels::DOWNLOAD, Some(key)).await;
        let told = case
            .wait("the request is answered", 60, || async {
                let run = case.runs().get("bad").await.ok()?;
                let answer = status(&run).download?;
                (!run.annotations().contains_key(labels::DOWNLOAD)).then_some(answer)
            })
            .await;
        assert_eq!(told.message.as_deref(), Some("this run has no good backup"));
        assert!(told.sealed.is_none());
    });
}
