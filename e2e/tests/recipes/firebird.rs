//! docs/recipes/firebird.md.
use e2e::case;
use e2e::recipe::Server;
use e2e::runs::status;
use serde_json::json;

use crate::net::Net;

const IMAGE: &str = "localhost/e2e/recipes-sql:dev";

/// Ended, it begins anew with the data that it has. Users are in a database of the server's own, which no script of Debian's made.
const SERVER: &str = r#"
cd /var/lib/firebird/3.0/system
echo "CREATE DATABASE 'security3.fdb';" | isql-fb -q
isql-fb -q -i /usr/share/firebird/3.0/security.sql security3.fdb
echo "CREATE USER SYSDBA PASSWORD 'secret'; COMMIT;" | isql-fb -q -user SYSDBA security3.fdb
sed -i 's/^RemoteBindAddress/#&/' /etc/firebird/3.0/firebird.conf
echo "CREATE DATABASE '/data/shop.fdb';" | isql-fb -q -user SYSDBA
exec firebird"#;

const SQL: &str = "sql() { echo \"$1\" | isql-fb -q -bail 127.0.0.1:/data/shop.fdb; };";

#[test]
fn a_database_of_firebird_comes_back_and_every_fault_of_its_dump_fails_the_run() {
    case("firebird", |case| async move {
        let server = Server {
            name: "firebird",
            image: IMAGE,
            args: &["bash", "-ec", SERVER],
            env: json!([{"name": "TERM", "value": "dumb"}, {"name": "ISC_USER", "value": "SYSDBA"}, {"name": "ISC_PASSWORD", "value": "secret"}]),
            port: 3050,
            ping: &format!("{SQL} sql 'SHOW DATABASE;'"),
            pod: json!(null),
        };
        case.serve(&server).await;
        case.secret("firebird-credentials", json!({"password": "secret"})).await;
        // As it comes from gbak, so that a cut is where the bytes say.
        let recipe = Net::of(&case, "firebird.yaml", IMAGE).with(&json!({"compression": null}));
        assert_eq!(status(&recipe.good("empty").await).bytes, Some(512));
        let other = json!({"backup": {"command": ["gbak", "-b", "firebird:/data/other.fdb", "stdout"]}});
        recipe.with(&other).fails("missing", "No such file or directory").await;

        let fill = "sql 'CREATE TABLE t (a INT NOT NULL PRIMARY KEY, b VARCHAR(60)); CREATE VIEW v AS SELECT COUNT(*) c FROM t;'; \
                    sql 'SET TERM ^; EXECUTE BLOCK AS DECLARE i INT = 0; BEGIN WHILE (i < 20000) DO BEGIN INSERT INTO t VALUES (:i, LPAD(:i * 7919, 60)); i = i + 1; END END^ COMMIT^'";
        case.sh("firebird", &format!("set -e; {SQL} {fill}")).await;
        let sum = format!(
            "set -e; {SQL} {{ sql 'SELECT * FROM t ORDER BY a;'; sql 'SELECT * FROM v; SHOW TABLE t;'; }} | sha256sum"
        );
        let destroy = format!("{SQL} sql 'DELETE FROM t WHERE a > 100; DROP VIEW v; CREATE TABLE later (a INT);'");
        let made = recipe.there_and_back("firebird", &sum, &destroy).await;
        let files = "ls /data";
        assert_eq!(case.sh("firebird", files).await, "shop.fdb");

        // Somebody is connected: nothing may go.
        let busy = format!(
            "({SQL} {{ echo 'SELECT 1 FROM RDB$DATABASE;'; while [ ! -e /tmp/end ]; do sleep 0.2; done; }} | isql-fb -q 127.0.0.1:/data/shop.fdb) </dev/null >/tmp/busy 2>&1 &"
        );
        case.sh(
            "firebird",
            &format!("{busy} until grep -q CONSTANT /tmp/busy; do sleep 0.1; done"),
        )
        .await;
        let run = case.restore_fails("whole", "CommandFailed", 100).await;
        let said = status(&run).log.unwrap_or_default();
        assert!(said.contains("object /data/shop.fdb is in use"), "{said}");
        case.sh("firebird", "touch /tmp/end; until ! pgrep isql-fb; do sleep 0.1; done")
            .await;
        case.restore("whole").await;
        assert_eq!(case.sh("firebird", files).await, "shop.fdb");

        let half = status(&made).bytes.unwrap() / 2;
        recipe
            .fails_when_cut(
                "firebird",
                "firebird",
                3050,
                half,
                "Error reading data from the connection",
            )
            .await;
        case.secret("firebird-credentials", json!({"password": "wrong"})).await;
        recipe
            .fails("password", "Your user name and password are not defined")
            .await;
    });
}
