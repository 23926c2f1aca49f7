//! DuckDB: docs/recipes/duckdb.md.
use e2e::case;
use e2e::recipe::{Data, Recipe, Server};
use e2e::runs::status;
use serde_json::json;

const IMAGE: &str = "localhost/e2e/recipes-sql:dev";

#[test]
fn duckdb_comes_back_and_nothing_half_is_good() {
    case("duckdb", |case| async move {
        let volume = case.volume("data");
        let mount = json!([{"name": "data", "mountPath": "/data"}]);
        let server = Server {
            name: "app",
            image: IMAGE,
            args: &[],
            env: json!([]),
            port: 80,
            ping: "ls /data",
            pod: json!({"containers": [{"command": ["sleep", "1d"], "volumeMounts": mount}], "volumes": [volume]}),
        };
        case.serve(&server).await;
        let volumes = json!([volume, {"name": "scratch", "emptyDir": {}}]);
        let recipe = Recipe::of("duckdb.yaml")
            .container(&json!({"image": IMAGE}))
            .with(&json!({"template": {"spec": {"volumes": volumes}}}));
        let fill = "duckdb /data/shop.duckdb \"CREATE TABLE t AS SELECT range AS a, md5(range::text) AS b FROM range(50000); CREATE VIEW v AS SELECT * FROM t WHERE a > 7; \
                    CREATE TABLE n (name VARCHAR); INSERT INTO n VALUES ('Zoë'), ('李'), (NULL)\"";
        case.sh("app", fill).await;
        let data = Data {
            pod: "app",
            sum: "duckdb -readonly -list -noheader /data/shop.duckdb 'SELECT count(*), md5(string_agg(a || b, chr(10) ORDER BY a)) FROM t; SELECT count(*) FROM v; SELECT name FROM n ORDER BY 1'",
            destroy: "rm /data/shop.duckdb*",
        };
        case.comes_back(&recipe, &data, "there").await;

        // Whoever has it open to write holds it alone: the run fails, and says by whom.
        let hold = "(mkfifo /tmp/hold; duckdb /data/shop.duckdb </tmp/hold & exec 3>/tmp/hold; echo 'SELECT 1;' >&3; until [ -e /tmp/end ]; do sleep 0.1; done) </dev/null >/dev/null 2>&1 &";
        case.sh("app", hold).await;
        case.wait("somebody holds the database", 20, || async {
            case.try_sh("app", data.sum).await.is_err().then_some(())
        })
        .await;
        case.command_fails(&recipe, "held", "Could not set lock").await;
        case.sh("app", "touch /tmp/end").await;
        case.wait("nobody holds it", 20, || async {
            case.try_sh("app", data.sum).await.ok()
        })
        .await;

        case.sh("app", "mv /data/shop.duckdb /data/aside").await;
        case.command_fails(&recipe, "missing", "does not exist").await;
        case.sh("app", "head -c 100000 /dev/urandom >/data/shop.duckdb").await;
        case.command_fails(&recipe, "damaged", "not a valid DuckDB database file")
            .await;

        // An empty database is a good backup, which restores to an empty one.
        case.sh("app", "rm /data/shop.duckdb; duckdb /data/shop.duckdb 'SELECT 1'")
            .await;
        case.keeps("empty");
        let empty = case.backup("empty", recipe.run(&case, "empty")).await;
        assert!(status(&empty).bytes > Some(0));
        case.restore("empty").await;
        assert_eq!(
            case.sh(
                "app",
                "duckdb -readonly -list -noheader /data/shop.duckdb 'SELECT count(*) FROM duckdb_tables()'"
            )
            .await,
            "0"
        );
        case.sh("app", "rm -rf /data/*").await;
    });
}
