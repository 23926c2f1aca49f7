//! Plain SQL restores cannot see a cut; with the proof of the end none is taken for whole: docs/recipes/proof-of-the-end.md.
use e2e::recipe::{Recipe, Server};
use e2e::runs::{message, status};
use e2e::{Case, case};
use kube::api::{Patch, PatchParams};
use serde_json::json;

/// Cuts the object that a run has stored, at a line's end within the text `at`, and has the operator believe in what is left, as with
/// a store that tells nothing: what remains is the agent's proof. Gives what is left.
async fn cut(case: &Case, name: &str, at: &str) -> Vec<u8> {
    let key = case.key(name);
    let whole = case.store().get(&key);
    let text = String::from_utf8_lossy(&whole);
    let left = text.find(at).unwrap_or_else(|| panic!("no {at:?} in the dump")) + at.len();
    let left = whole[..left].to_vec();
    case.store().put(&key, &left);
    let head = case.store().head(&key).unwrap();
    let change = json!({"status": {"etag": head.etag, "sizeInBytes": head.size}});
    let patch = Patch::Merge(&change);
    case.runs()
        .patch_status(name, &PatchParams::default(), &patch)
        .await
        .unwrap();
    left
}

async fn not_taken(case: &Case, name: &str) {
    let run = case.restore_fails(name, "BadObject", 60).await;
    assert!(message(&run).contains("cannot be restored"), "{}", message(&run));
    assert_eq!(
        status(&run).log.unwrap_or_default().trim(),
        "",
        "the command saw the end of its input"
    );
}

#[test]
fn psql_commits_nothing_of_a_dump_that_was_cut() {
    case("proof-postgresql", |case| async move {
        case.secret("postgresql-credentials", json!({"password": "x"})).await;
        let server = Server {
            name: "postgresql",
            image: "postgres:15",
            args: &[],
            env: json!([{"name": "POSTGRES_PASSWORD", "value": "x"}, {"name": "POSTGRES_DB", "value": "shop"}]),
            port: 5432,
            ping: "psql -h /run/postgresql -U postgres shop -c 'SELECT 1'",
            pod: json!(null),
        };
        case.serve(&server).await;
        let sql = |query: &str| format!("psql -h /run/postgresql -U postgres -qAt shop -c \"{query}\"");
        case.sh(
            "postgresql",
            &sql("CREATE TABLE t AS SELECT n AS a, md5(n::text) AS b FROM generate_series(1, 20000) n"),
        )
        .await;
        case.keeps("cut");
        let recipe = Recipe::of("postgresql.yaml").with(&json!({"compression": null}));
        case.backup("cut", recipe.run(&case, "cut")).await;
        case.sh("postgresql", &sql("DELETE FROM t WHERE a > 7")).await;
        // The row of number 10,000 of the COPY, whole.
        let at = format!("10000\t{}\n", case.sh("postgresql", &sql("SELECT md5('10000')")).await);
        let left = cut(&case, "cut", &at).await;
        not_taken(&case, "cut").await;
        assert_eq!(
            case.sh("postgresql", &sql("SELECT count(*) FROM t")).await,
            "7",
            "nothing was committed"
        );

        // The same bytes by hand: psql takes them for all there is, and commits half.
        let lines = left.iter().filter(|b| **b == b'\n').count();
        let by_hand = format!(
            "{}; pg_dump -h /run/postgresql -U postgres --clean --if-exists shop >/tmp/dump; head -n {lines} /tmp/dump \
             | psql -h /run/postgresql -U postgres -q -v ON_ERROR_STOP=1 --single-transaction shop >/dev/null",
            sql("INSERT INTO t SELECT n, md5(n::text) FROM generate_series(8, 20000) n")
        );
        case.sh("postgresql", &by_hand).await;
        assert_eq!(
            case.sh("postgresql", &sql("SELECT count(*) FROM t")).await,
            "10000",
            "half, and psql said 0"
        );
    });
}

#[test]
fn a_cut_dump_of_mariadb_is_a_failed_restore_that_leaves_what_was_applied() {
    case("proof-mariadb", |case| async move {
        case.secret("mysql-credentials", json!({"username": "root", "password": "x"}))
            .await;
        let server = Server {
            name: "mysql",
            image: "mysql:8.3.0",
            args: &[],
            env: json!([{"name": "MYSQL_ROOT_PASSWORD", "value": "x"}, {"name": "MYSQL_DATABASE", "value": "backend_db"}]),
            port: 3306,
            ping: "mysql -u root -px backend_db -e 'SELECT 1'",
            pod: json!(null),
        };
        case.serve(&server).await;
        let sql = |query: &str| format!("mysql -u root -px -N backend_db -e \"{query}\"");
        let fill =
            "CREATE TABLE a SELECT seq AS a FROM seq_1_to_1000; CREATE TABLE b SELECT seq AS a FROM seq_1_to_1000";
        case.sh("mysql", &sql(fill)).await;
        case.keeps("cut");
        let recipe = Recipe::of("mysql.yaml").with(&json!({"compression": null}));
        case.backup("cut", recipe.run(&case, "cut")).await;
        case.sh("mysql", &sql("DROP TABLE a, b")).await;
        // Between the rows of two tables: whole statements, and the client alone would end with 0.
        cut(&case, "cut", "UNLOCK TABLES;\n").await;
        not_taken(&case, "cut").await;
        // MariaDB has no transaction around tables: what it was sent may be there, and the rest is not.
        let tables = case.sh("mysql", &sql("SHOW TABLES")).await;
        assert!(!tables.contains('b'), "{tables}");
    });
}
