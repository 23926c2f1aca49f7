//! SQLite, while somebody writes: docs/recipes/sqlite.md.
use e2e::case;
use e2e::recipe::{Recipe, Server};
use e2e::runs::status;
use serde_json::json;

async fn serve(case: &e2e::Case) {
    let pod = json!({
        "containers": [{"command": ["sleep", "1d"], "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
        "volumes": [case.volume("data")],
    });
    let server = Server {
        name: "app",
        image: "localhost/e2e/recipes-sql:dev",
        args: &[],
        env: json!([]),
        port: 80,
        ping: "ls /data",
        pod,
    };
    case.serve(&server).await;
}

#[test]
fn sqlite_comes_back_consistent_under_load_and_nothing_half_is_good() {
    case("sqlite", |case| async move {
        serve(&case).await;
        let fill = "sqlite3 /data/app.db \"PRAGMA journal_mode = WAL; CREATE TABLE a (n INTEGER PRIMARY KEY, body TEXT); CREATE TABLE b (n INTEGER PRIMARY KEY, body TEXT); \
                    WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20000) INSERT INTO a SELECT n, hex(n * n) FROM c; INSERT INTO b SELECT * FROM a\"";
        case.sh("app", fill).await;
        let recipe = Recipe::of("sqlite.yaml")
            .container(&json!({"image": "localhost/e2e/recipes-sql:dev"}))
            .with(
                &json!({"template": {"spec": {"volumes": [case.volume("data"), {"name": "scratch", "emptyDir": {}}]}}}),
            );

        // Each transaction writes one row into both tables, until it is told to end.
        let load = "rm -f /tmp/end; (while [ ! -e /tmp/end ]; do echo \"BEGIN IMMEDIATE; INSERT INTO a (body) VALUES ('x'); INSERT INTO b SELECT max(n), 'x' FROM a; COMMIT;\"; done \
                    | sqlite3 -cmd '.timeout 5000' /data/app.db >/tmp/load 2>&1; echo done >>/tmp/load) </dev/null >/dev/null 2>&1 &";
        case.sh("app", load).await;
        case.keeps("there");
        case.backup("there", recipe.run(&case, "there")).await;
        case.sh(
            "app",
            "touch /tmp/end; until grep -q done /tmp/load; do sleep 0.1; done; rm -f /data/app.db*",
        )
        .await;
        case.restore("there").await;
        let sums = "sqlite3 -readonly /data/app.db \"PRAGMA integrity_check; SELECT (SELECT count(*) FROM a) = (SELECT count(*) FROM b), (SELECT count(*) FROM a) >= 20000, \
                    (SELECT count(*) FROM a JOIN b USING (n, body)) = (SELECT count(*) FROM a)\"";
        assert_eq!(case.sh("app", sums).await, "ok\n1|1|1");

        // A database at rest, by its checksum.
        let sum =
            "sqlite3 -readonly /data/app.db .sha3sum 2>/dev/null || sqlite3 -readonly /data/app.db .dump | sha256sum";
        let before = case.sh("app", sum).await;
        case.keeps("rest");
        case.backup("rest", recipe.run(&case, "rest")).await;
        case.sh("app", "sqlite3 /data/app.db 'DELETE FROM a'").await;
        assert_ne!(case.sh("app", sum).await, before);
        case.restore("rest").await;
        assert_eq!(case.sh("app", sum).await, before);

        // What is no database, or is not there, is no backup.
        case.sh("app", "mv /data/app.db /data/aside").await;
        case.command_fails(&recipe, "missing", "unable to open database").await;
        case.sh("app", "head -c 100000 /dev/urandom >/data/app.db").await;
        case.command_fails(&recipe, "damaged", "file is not a database").await;
        // An empty database is a good backup, which restores to an empty one.
        case.sh("app", "rm -f /data/app.db; sqlite3 /data/app.db VACUUM").await;
        case.keeps("empty");
        let empty = case.backup("empty", recipe.run(&case, "empty")).await;
        assert!(status(&empty).bytes > Some(0));
        case.sh("app", "rm -f /data/app.db").await;
        case.restore("empty").await;
        assert_eq!(case.sh("app", "sqlite3 -readonly /data/app.db .tables").await, "");
        case.sh("app", "rm -rf /data/*").await;
    });
}
