//! MariaDB (and MySQL, whose words it has): docs/recipes/mariadb.md.
use e2e::recipe::{Data, Recipe, Server};
use e2e::runs::status;
use e2e::{case, early_case};
use serde_json::json;

const IMAGE: &str = "mysql:8.3.0";
const PASSWORD: &str = "s3cret 'x'";
const SUM: &str = "CHECKSUM TABLE orders, names; SELECT COUNT(*) FROM orders; SELECT COUNT(*) FROM named";

/// A script that asks the server, by its socket.
fn sql(query: &str) -> String {
    format!("mysql -u root \"-p$MYSQL_ROOT_PASSWORD\" -N backend_db -e \"{query}\"")
}

async fn serve(case: &e2e::Case) {
    serve_in(case, "mysql", json!(null)).await;
}

async fn serve_in(case: &e2e::Case, name: &str, pod: serde_json::Value) {
    case.secret("mysql-credentials", json!({"username": "root", "password": PASSWORD}))
        .await;
    let env = json!([
        {"name": "MYSQL_ROOT_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "mysql-credentials", "key": "password"}}},
        {"name": "MYSQL_DATABASE", "value": "backend_db"},
    ]);
    let server = Server {
        name,
        image: IMAGE,
        args: &[],
        env,
        port: 3306,
        ping: &sql("SELECT 1"),
        pod,
    };
    case.serve(&server).await;
}

/// A table that is summed, one with a column of every trouble, and a view, a routine and a trigger.
const FILL: &str = "CREATE TABLE orders (id INT PRIMARY KEY, name VARCHAR(80), amount DECIMAL(10,2), body BLOB) \
    SELECT seq AS id, SHA2(seq, 256) AS name, seq / 7 AS amount, UNHEX(SHA2(-seq, 256)) AS body FROM seq_1_to_20000; \
    CREATE TABLE names (name VARCHAR(20) CHARACTER SET utf8mb4); INSERT INTO names VALUES ('Zoë'), ('李'), (NULL); \
    CREATE VIEW named AS SELECT * FROM names WHERE name IS NOT NULL; \
    CREATE PROCEDURE tidy() DELETE FROM names WHERE name IS NULL; \
    CREATE TRIGGER paid BEFORE UPDATE ON orders FOR EACH ROW SET NEW.amount = 0";

#[test]
fn one_database_of_mariadb_comes_back_and_nothing_half_is_good() {
    early_case("mariadb", |case| async move {
        serve(&case).await;
        case.sh("mysql", &sql(FILL)).await;
        let sum = format!(
            "{}; {}",
            sql(SUM),
            sql("SHOW TRIGGERS; SHOW PROCEDURE STATUS WHERE Db = 'backend_db'")
        );
        let data = Data {
            pod: "mysql",
            sum: &format!("{{ {sum}; }} | sed 's/20[0-9-]* [0-9:.]*//g'"),
            destroy: &sql("DROP DATABASE backend_db; CREATE DATABASE backend_db"),
        };
        let recipe = Recipe::of("mysql.yaml");
        case.comes_back(&recipe, &data, "there").await;

        case.secret("wrong", json!({"username": "root", "password": "x"})).await;
        let wrong = recipe.clone().instead("mysql-credentials", "wrong");
        case.command_fails(&wrong, "wrong", "Access denied").await;
        let none = recipe.clone().instead("backend_db", "no_such_db");
        case.command_fails(&none, "none", "Unknown database").await;

        // A database without tables is a dump with an end: a good backup, that restores to nothing.
        case.sh("mysql", data.destroy).await;
        case.keeps("empty");
        let empty = case.backup("empty", recipe.run(&case, "empty")).await;
        assert!(status(&empty).bytes > Some(500));
        case.restore("empty").await;
        assert_eq!(case.sh("mysql", &sql("SHOW TABLES")).await, "");

        let much = "CREATE TABLE much SELECT seq AS id, REPEAT(SHA2(seq, 256), 16) AS body FROM seq_1_to_100000";
        case.sh("mysql", &sql(much)).await;
        case.cut_off(&recipe, "cut", "mysql", "mariadbd").await;
    });
}

#[test]
fn all_databases_of_mariadb_come_back_with_users_and_grants() {
    case("mariadb-all", |case| async move {
        serve(&case).await;
        case.sh("mysql", &sql(FILL)).await;
        let more = "CREATE DATABASE two; CREATE TABLE two.t (a INT); INSERT INTO two.t VALUES (1), (2); CREATE USER ada@'%' IDENTIFIED BY 'hers'; \
                    GRANT SELECT, INSERT ON two.* TO ada@'%'; CREATE EVENT two.tidy ON SCHEDULE EVERY 1 DAY DO DELETE FROM two.t WHERE a > 5";
        case.sh("mysql", &sql(more)).await;
        let sum = format!("{SUM}; CHECKSUM TABLE two.t; SHOW GRANTS FOR ada@'%'; SHOW EVENTS FROM two");
        let sum = format!(
            "{}; mysql -h 127.0.0.1 -u ada -phers -N two -e 'SELECT count(*) FROM t'",
            sql(&sum)
        );
        let data = Data {
            pod: "mysql",
            sum: &sum,
            destroy: &sql("DROP DATABASE two; DROP USER ada@'%'; DROP TABLE orders, names; FLUSH PRIVILEGES"),
        };
        let recipe = Recipe::of("mariadb-all.yaml");
        case.comes_back(&recipe, &data, "there").await;
        case.secret("wrong", json!({"username": "root", "password": "x"})).await;
        let wrong = recipe.instead("mysql-credentials", "wrong");
        case.command_fails(&wrong, "wrong", "Access denied").await;
    });
}

#[test]
fn files_of_mariadb_start_as_a_server_with_all_data_and_users() {
    early_case("mariadb-backup", |case| async move {
        let on = |volume: &serde_json::Value| {
            let mount = json!([{"name": volume["name"], "mountPath": "/var/lib/mysql"}]);
            json!({"containers": [{"volumeMounts": mount}], "volumes": [volume]})
        };
        let (data, restored) = (case.volume("data"), case.volume("restore"));
        serve_in(&case, "mysql", on(&data)).await;
        case.sh("mysql", &sql(FILL)).await;
        let users = "CREATE USER ada@'%' IDENTIFIED BY 'hers'; GRANT SELECT ON backend_db.* TO ada@'%'; CREATE USER nobody@'%' IDENTIFIED BY 'x'; \
                     CREATE USER backup@'%' IDENTIFIED BY 'x'; GRANT RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR ON *.* TO backup@'%'";
        case.sh("mysql", &sql(users)).await;
        let sum = format!(
            "{} && mysql -h 127.0.0.1 -u ada -phers -N backend_db -e 'SELECT count(*) FROM orders'",
            sql(SUM)
        );
        let before = case.sh("mysql", &sum).await;
        let with = |data: &serde_json::Value| {
            let change = json!({"template": {"spec": {"volumes": [data, restored]}}});
            Recipe::of("mariadb-backup.yaml")
                .container(&json!({"image": IMAGE}))
                .with(&change)
        };
        let recipe = with(&data);
        // Four privileges are enough to back up, and none are not.
        case.secret("backup", json!({"username": "backup", "password": "x"}))
            .await;
        let recipe_of = |secret: &str| recipe.clone().instead("mysql-credentials", secret);
        case.keeps("there");
        case.backup("there", recipe_of("backup").run(&case, "there")).await;
        case.sh("mysql", &sql("DROP DATABASE backend_db; CREATE DATABASE backend_db"))
            .await;
        case.restore("there").await;
        serve_in(&case, "restored", on(&restored)).await;
        assert_eq!(case.sh("restored", &sum).await, before, "what came back");
        // What is there is not written over.
        let run = case.restore_fails("there", "CommandFailed", 100).await;
        assert!(status(&run).log.unwrap_or_default().contains("/restore is not empty"));

        case.secret("wrong", json!({"username": "root", "password": "x"})).await;
        case.command_fails(&recipe_of("wrong"), "wrong", "Access denied").await;
        case.secret("nobody", json!({"username": "nobody", "password": "x"}))
            .await;
        case.command_fails(&recipe_of("nobody"), "nobody", "missing required privilege")
            .await;
        // A server whose volume is another one, or not mounted, is no empty server.
        let none = with(&json!({"name": "data", "emptyDir": {}}));
        case.command_fails(&none, "unmounted", "cannot read redo log header")
            .await;
        // It reads files and asks the server in between: that it is gone, it hears at its next question.
        let much = "CREATE TABLE much SELECT seq AS id, REPEAT(SHA2(seq, 256), 16) AS body FROM seq_1_to_60000";
        case.sh("mysql", &sql(much)).await;
        case.cut_off(&recipe, "cut", "mysql", "mariadbd").await;
        for pod in ["mysql", "restored"] {
            case.sh(pod, "rm -rf /var/lib/mysql/*").await;
        }
    });
}
