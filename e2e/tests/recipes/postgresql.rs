//! PostgreSQL: docs/recipes/postgresql.md.
use e2e::recipe::{Data, Recipe, Server};
use e2e::runs::status;
use e2e::{case, early_case};
use serde_json::json;

/// A script that asks a database of the server, by its socket.
fn sql(database: &str, query: &str) -> String {
    format!("psql -h /run/postgresql -U postgres -v ON_ERROR_STOP=1 -qAt {database} -c \"{query}\"")
}

async fn serve(case: &e2e::Case, name: &str, pod: serde_json::Value) {
    let env = json!([
        {"name": "POSTGRES_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "postgresql-credentials", "key": "password"}}},
        {"name": "POSTGRES_DB", "value": "shop"},
    ]);
    let server = Server {
        name,
        image: "postgres:15",
        args: &[],
        env,
        port: 5432,
        ping: &sql("shop", "SELECT 1"),
        pod,
    };
    case.serve(&server).await;
}

async fn secrets(case: &e2e::Case) {
    case.secret("postgresql-credentials", json!({"password": "s3cret 'x'"}))
        .await;
    case.secret("wrong", json!({"password": "x"})).await;
}

const FILL: &str = "CREATE TABLE orders AS SELECT n AS id, md5(n::text) AS name, n / 7.0 AS amount, decode(md5((-n)::text), 'hex') AS body \
    FROM generate_series(1, 20000) n; ALTER TABLE orders ADD PRIMARY KEY (id); \
    CREATE TABLE names (name text, id int REFERENCES orders); INSERT INTO names VALUES ('Zoë', 1), ('李', 2), (NULL, NULL); \
    CREATE SEQUENCE bills START 17; CREATE VIEW named AS SELECT * FROM names WHERE name IS NOT NULL";
const SUM: &str = "SELECT count(*), md5(string_agg(o::text, '|' ORDER BY id)) FROM orders o; \
    SELECT md5(string_agg(n::text, '|' ORDER BY name)) FROM names n; SELECT count(*) FROM named; SELECT last_value FROM bills; \
    SELECT count(*) FROM pg_constraint WHERE contype IN ('f', 'p')";
const DESTROY: &str = "DROP VIEW named; DROP TABLE names, orders; DROP SEQUENCE bills";
/// What takes seconds to send.
const MUCH: &str =
    "CREATE TABLE much AS SELECT n AS id, repeat(md5(n::text), 32) AS body FROM generate_series(1, 100000) n";

async fn a_database(case: &e2e::Case, file: &str) {
    secrets(case).await;
    serve(case, "postgresql", json!(null)).await;
    case.sh("postgresql", &sql("shop", FILL)).await;
    let data = Data {
        pod: "postgresql",
        sum: &sql("shop", SUM),
        destroy: &sql("shop", DESTROY),
    };
    let recipe = Recipe::of(file);
    case.comes_back(&recipe, &data, "there").await;
    let wrong = recipe.clone().instead("postgresql-credentials", "wrong");
    case.command_fails(&wrong, "wrong", "password authentication failed")
        .await;
    let none = recipe
        .clone()
        .with(&json!({"backup": {"command": ["pg_dump", "-h", "postgresql", "-U", "postgres", "none"]}}));
    case.command_fails(&none, "none", "database \"none\" does not exist")
        .await;

    // A database without tables is a whole dump all the same, and restores to nothing.
    case.sh("postgresql", data.destroy).await;
    case.keeps("empty");
    let empty = case.backup("empty", recipe.run(case, "empty")).await;
    assert!(status(&empty).bytes > Some(500));
    case.restore("empty").await;
    assert_eq!(
        case.sh("postgresql", &sql("shop", "SELECT count(*) FROM pg_stat_user_tables"))
            .await,
        "0"
    );

    case.sh("postgresql", &sql("shop", MUCH)).await;
    case.cut_off(&recipe, "cut", "postgresql", "postgres").await;
}

#[test]
fn a_plain_dump_of_postgresql_comes_back_and_nothing_half_is_good() {
    early_case("postgresql-plain", |case| async move {
        a_database(&case, "postgresql.yaml").await
    });
}

#[test]
fn a_custom_dump_of_postgresql_comes_back_and_nothing_half_is_good() {
    early_case("postgresql-custom", |case| async move {
        a_database(&case, "postgresql-custom.yaml").await
    });
}

#[test]
fn roles_of_postgresql_come_back_with_passwords_and_memberships() {
    case("postgresql-globals", |case| async move {
        secrets(&case).await;
        serve(&case, "postgresql", json!(null)).await;
        let roles = "CREATE ROLE clerks; CREATE ROLE ada LOGIN PASSWORD 'a secret' CONNECTION LIMIT 7 IN ROLE clerks; ALTER ROLE ada SET work_mem = '9MB'";
        case.sh("postgresql", &sql("postgres", roles)).await;
        let sum = "SELECT rolname, rolcanlogin, rolconnlimit, rolpassword, setconfig FROM pg_authid a LEFT JOIN pg_db_role_setting s ON s.setrole = a.oid \
                   WHERE rolname IN ('ada', 'clerks') ORDER BY 1; SELECT roleid::regrole, member::regrole FROM pg_auth_members WHERE member = (SELECT oid FROM pg_roles WHERE rolname = 'ada')";
        let data = Data {
            pod: "postgresql",
            sum: &sql("postgres", sum),
            destroy: &sql("postgres", "DROP ROLE ada, clerks"),
        };
        let recipe = Recipe::of("postgresql-globals.yaml");
        case.comes_back(&recipe, &data, "there").await;
        // All others must not be there: it says so, and changes nothing.
        let before = case.sh("postgresql", data.sum).await;
        let run = case.restore_fails("there", "CommandFailed", 100).await;
        let said = status(&run).log.unwrap_or_default();
        assert!(said.contains("role \"ada\" already exists"), "{said}");
        assert_eq!(case.sh("postgresql", data.sum).await, before);
        let wrong = recipe.instead("postgresql-credentials", "wrong");
        case.command_fails(&wrong, "wrong", "password authentication failed")
            .await;
    });
}

#[test]
fn a_base_backup_of_postgresql_starts_as_a_server_with_all_data() {
    early_case("postgresql-base", |case| async move {
        secrets(&case).await;
        serve(&case, "postgresql", json!(null)).await;
        let admit = "echo 'host replication all all scram-sha-256' >>/var/lib/postgresql/data/pg_hba.conf";
        case.sh(
            "postgresql",
            &format!("{admit}; {}", sql("shop", "SELECT pg_reload_conf()")),
        )
        .await;
        case.sh("postgresql", &sql("shop", FILL)).await;
        let sum = case.sh("postgresql", &sql("shop", SUM)).await;
        let volume = case.volume("restore");
        let recipe = Recipe::of("postgresql-base.yaml").with(&json!({"template": {"spec": {"volumes": [volume]}}}));
        case.keeps("there");
        case.backup("there", recipe.run(&case, "there")).await;
        case.restore("there").await;
        let pod = json!({
            "containers": [{"volumeMounts": [{"name": "restore", "mountPath": "/var/lib/postgresql/data"}]}], "volumes": [volume],
        });
        serve(&case, "restored", pod).await;
        assert_eq!(case.sh("restored", &sql("shop", SUM)).await, sum);
        // What is there is not written over.
        let run = case.restore_fails("there", "CommandFailed", 100).await;
        assert!(status(&run).log.unwrap_or_default().contains("/restore is not empty"));

        let wrong = recipe.clone().instead("postgresql-credentials", "wrong");
        case.command_fails(&wrong, "wrong", "password authentication failed")
            .await;
        case.sh("postgresql", &sql("shop", MUCH)).await;
        case.cut_off(&recipe, "cut", "postgresql", "postgres").await;
        case.sh("restored", "rm -rf /var/lib/postgresql/data/*").await;
    });
}
