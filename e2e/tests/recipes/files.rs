//! docs/recipes/files.md.
use e2e::case;
use e2e::runs::status;
use serde_json::json;

use crate::net::{IMAGE, Net, serve_in};

/// Files with holes, links, owners, modes and names of every trouble.
const FILL: &str = r#"
cd /data; mkdir -p a/b; head -c 3000000 /dev/urandom >a/b/big; echo text >'a/with space and "quotes"'; printf x >$'a/new\nline'
ln -s b/big a/link; ln a/b/big a/hard; mkfifo a/pipe; truncate -s 5M a/hole; chown -R 1234:4321 a/b; chmod 4750 a/b/big; touch -d 2001-02-03T04:05:06Z a/b"#;

const SUM: &str = r"cd /data; { find a -printf '%p %y %m %U %G %n %l %s\n' | sort; find a -printf '%p %T@\n' | sort; find a -type f -print0 | sort -z | xargs -0 sha256sum; } | sha256sum";

#[test]
fn files_of_a_volume_come_back_as_they_were_and_one_that_changes_meanwhile_fails_the_run() {
    case("files", |case| async move {
        let volumes = json!([case.volume("data")]);
        let mounts = json!([{"volumeMounts": [{"name": "data", "mountPath": "/data"}]}]);
        let pod = json!({"containers": mounts, "volumes": volumes});
        serve_in(&case, "files", 80, "exec sleep 1d", "true", pod).await;
        let recipe = Net::of(&case, "files.yaml", IMAGE)
            .with(&json!({"backoffLimit": 0, "template": {"spec": {"volumes": volumes}}}));
        // An empty folder is an archive of itself.
        assert_eq!(status(&recipe.good("empty").await).bytes, Some(10240));

        case.exec("files", &["bash", "-ec", FILL]).await;
        recipe
            .there_and_back("files", SUM, "cd /data; rm -rf a; mkdir other; touch other/file")
            .await;
        assert_eq!(case.exec("files", &["ls", "-A", "/data"]).await, "a");

        let writer =
            "truncate -s 300M /data/log; (while [ -e /data/log ]; do echo line >>/data/log; done) >/dev/null 2>&1 &";
        case.exec("files", &["bash", "-ec", writer]).await;
        recipe.fails("changes", "./log: file changed as we read it").await;
        case.exec("files", &["sh", "-ec", "rm -rf /data/log; sleep 1; rm -rf /data/*"])
            .await;
    });
}
