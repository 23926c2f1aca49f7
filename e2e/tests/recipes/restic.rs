//! docs/recipes/restic.md: what K8up has stored, moved here.
use e2e::case;
use e2e::runs::status;
use e2e::shared::ENDPOINT;
use serde_json::json;

use crate::net::{IMAGE, Net, serve_in};

#[test]
fn a_restic_backup_of_stdin_comes_over_whole_and_every_fault_of_its_dump_fails_the_run() {
    case("restic", |case| async move {
        let (id, secret) = case.store().keys();
        let repository = format!("s3:{ENDPOINT}/e2e/restic-{}", case.namespace());
        let recipe = Net::of(&case, "restic.yaml", IMAGE);
        case.secret("backup-credentials", json!({"username": id, "password": secret}))
            .await;
        case.secret("backup-repo", json!({"password": "secret"})).await;
        let env = recipe.spec("none")["template"]["spec"]["containers"][0]["env"].clone();
        assert_eq!(env[0]["name"], "RESTIC_REPOSITORY");
        let mut env = env;
        env[0]["value"] = json!(repository);
        // Where K8up's own Pod would be.
        let pod = json!({"containers": [{"env": env}]});
        serve_in(&case, "k8up", 80, "exec sleep 1d", "restic init >&2", pod).await;
        let containers = json!([{"name": "restic", "image": IMAGE, "command": ["sleep", "1d"], "env": env}]);
        let recipe = recipe.with(&json!({"template": {"spec": {"containers": containers}}}));
        let shell = async |script: &str| case.exec("k8up", &["bash", "-ec", script]).await;
        let backup = "restic --no-cache backup -q --host development --stdin --stdin-filename /development-shop.sql";
        // restic itself refuses an empty stdin, and has no snapshot then.
        shell(&format!("! {backup} </dev/null")).await;
        recipe.fails("empty", "no snapshot found").await;

        shell(&format!("head -c 3000000 /dev/urandom >/tmp/old; {backup} </tmp/old")).await;
        shell(&format!("head -c 3000000 /dev/urandom >/tmp/new; {backup} </tmp/new")).await;
        let sum = shell("sha256sum </tmp/new").await;
        case.keeps("shop");
        let mut right = recipe.spec("shop");
        right["restore"] = json!({"command": ["/bin/sh", "-c", "sha256sum >&2"]});
        let run = case.backup("shop", right).await;
        assert_eq!(status(&run).bytes, Some(3_000_000));
        let log = status(&case.restore("shop").await).log.unwrap_or_default();
        assert_eq!(log.trim(), sum, "what comes out is not what K8up put in");

        case.secret("backup-repo", json!({"password": "wrong"})).await;
        recipe.fails("password", "wrong password or no key found").await;
        case.secret("backup-repo", json!({"password": "secret"})).await;
        // What holds the data is gone: dump prints what there is before it, and says 1.
        for key in case.store().list(&format!("restic-{}/data/", case.namespace())) {
            case.store().delete(&key);
        }
        let mut damaged = recipe.spec("damaged");
        damaged["backup"]["deadlineSeconds"] = json!(5);
        case.start("damaged", damaged).await;
        case.ended("damaged", 60).await;
        let damaged = case.runs().get("damaged").await.unwrap();
        assert!(e2e::runs::is(&damaged, api::condition::FAILED));
        for key in case.store().list(&format!("restic-{}/", case.namespace())) {
            case.store().delete(&key);
        }
    });
}
