//! Commands that lie (docs/recipes/traps.md): each row of the table, on the real tool.
use e2e::recipe::Server;
use e2e::{Case, case, exec};
use serde_json::json;
use servers::traps::{PREFACE, TRAPS};

/// What stands in the table for an image; by name, as case and Pod have it.
async fn rows(case: &Case, image: &str, env: serde_json::Value, args: &[&str], ping: &str) {
    let pod = if args.is_empty() {
        json!(null)
    } else {
        json!({"containers": [{"command": args}]})
    };
    let server = Server {
        name: "tools",
        image,
        args: &[],
        env,
        port: 80,
        ping,
        pod,
    };
    case.serve(&server).await;
    let all = TRAPS.iter().flat_map(|(_, rows)| rows.iter());
    let mut wrong = Vec::new();
    let mut seen = 0;
    for trap in all.filter(|trap| trap.image == image) {
        seen += 1;
        let script = format!("{PREFACE}{}", trap.shown);
        let done = exec::exec(case.client(), case.namespace(), "tools", &["bash", "-c", &script]).await;
        if let Err(said) = done {
            wrong.push(format!("{} ({}): {said}", trap.name, trap.tool));
        }
    }
    assert!(seen > 0, "no row of {image}");
    assert!(wrong.is_empty(), "the table says otherwise:\n{}", wrong.join("\n"));
}

#[test]
fn postgresqls_tools_lie_as_the_table_says() {
    case("traps-postgresql", |case| async move {
        let env = json!([{"name": "POSTGRES_PASSWORD", "value": "x"}]);
        rows(
            &case,
            "postgres:15",
            env,
            &[],
            "psql -h /run/postgresql -U postgres -c 'SELECT 1'",
        )
        .await;
    });
}

#[test]
fn mariadbs_tools_lie_as_the_table_says() {
    case("traps-mariadb", |case| async move {
        let env = json!([{"name": "MYSQL_ROOT_PASSWORD", "value": "x"}]);
        rows(&case, "mysql:8.3.0", env, &[], "mariadb -u root -px -e 'SELECT 1'").await;
    });
}

#[test]
fn other_sql_tools_and_streams_lie_as_the_table_says() {
    case("traps-sql", |case| async move {
        rows(
            &case,
            "localhost/e2e/recipes-sql:dev",
            json!([]),
            &["sleep", "1d"],
            "true",
        )
        .await;
    });
}

#[test]
fn redis_cli_lies_as_the_table_says() {
    case("traps-redis", |case| async move {
        rows(&case, "redis:7", json!([]), &["sleep", "1d"], "true").await;
    });
}

#[test]
fn tools_of_other_servers_lie_as_the_table_says() {
    case("traps-net", |case| async move {
        rows(&case, crate::net::IMAGE, json!([]), &["sleep", "1d"], "true").await;
    });
}

#[test]
fn prometheus_and_other_servers_lie_as_the_table_says() {
    case("traps-more", |case| async move {
        rows(&case, crate::prometheus::IMAGE, json!([]), &["sleep", "1d"], "true").await;
    });
}
