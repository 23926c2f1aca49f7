//! The main job: a database is dumped, destroyed and restored, and every row comes back.
use std::time::Duration;

use age::secrecy::ExposeSecret;
use api::run::State;
use api::{condition, labels};
use e2e::runs::{START, is, status};
use e2e::schedules::NEVER;
use e2e::shared::STORAGE;
use e2e::{Case, case};
use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

/// A database server: a Pod `db` behind a Service `db`, ready when `ping` succeeds in it.
async fn server(case: &Case, image: &str, port: u16, env: Value, ping: &[&str]) {
    case.apply::<Secret>(
        json!({"metadata": {"name": "db"}, "stringData": {"username": "root", "password": "s3cret 'x'"}}),
    )
    .await;
    let container = json!({"name": "db", "image": image, "env": env});
    let labels = json!({"app": "db"});
    let spec = json!({"containers": [container], "terminationGracePeriodSeconds": 1});
    case.apply::<Pod>(json!({"metadata": {"name": "db", "labels": labels}, "spec": spec}))
        .await;
    let ports = json!([{"port": port}]);
    case.apply::<Service>(json!({"metadata": {"name": "db"}, "spec": {"selector": labels, "ports": ports}}))
        .await;
    let (client, namespace) = (case.client(), case.namespace());
    let last = std::cell::RefCell::new(String::new());
    let answers = e2e::cluster::poll(Duration::from_secs(240), || async {
        e2e::exec::exec(client, namespace, "db", ping)
            .await
            .map_err(|e| last.replace(e))
            .ok()
    });
    assert!(answers.await.is_some(), "the database does not answer: {}", last.take());
    // The kubelet tells a second later that it is up, and a run that has its agent from an image volume begins sooner than that.
    let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), namespace);
    let of_service = ListParams::default().labels("kubernetes.io/service-name=db");
    case.wait("the Service leads to the database", 30, || async {
        let all = slices.list(&of_service).await.ok()?;
        let mut ends = all.items.iter().flat_map(|slice| &slice.endpoints);
        ends.any(|end| end.conditions.as_ref().is_some_and(|c| c.ready == Some(true)))
            .then_some(())
    })
    .await;
}

fn from_secret(name: &str, key: &str) -> Value {
    json!({"name": name, "valueFrom": {"secretKeyRef": {"name": "db", "key": key}}})
}

/// A run's spec with shell commands in a Pod of that image beside the database.
fn spec(path: &str, image: &str, env: Value, backup: &str, restore: &str) -> Value {
    let container = json!({"name": "client", "image": image, "command": ["sleep", "1d"], "env": env});
    json!({
        "storage": {"name": STORAGE, "path": path},
        "startDeadlineSeconds": START,
        "backup": {"container": "client", "command": ["/bin/sh", "-c"], "args": [backup], "deadlineSeconds": 120},
        "restore": {"container": "client", "command": ["/bin/sh", "-c"], "args": [restore], "deadlineSeconds": 120},
        "template": {"spec": {"containers": [container], "terminationGracePeriodSeconds": 1}},
    })
}

#[test]
fn mariadb_with_gzip_and_age_comes_back_by_a_schedules_run_and_an_annotation() {
    case("mariadb", |case| async move {
        let env = json!([from_secret("MYSQL_ROOT_PASSWORD", "password"), {"name": "MYSQL_DATABASE", "value": "shop"}]);
        let sql = |query: &str| format!("mysql -u root \"-p$MYSQL_ROOT_PASSWORD\" -N shop -e \"{query}\"");
        server(&case, "mysql:8.3.0", 3306, env, &["sh", "-c", &sql("SELECT 1")]).await;
        let run = async |query: &str| case.exec("db", &["sh", "-c", &sql(query)]).await;
        run("CREATE TABLE orders (id INT PRIMARY KEY, name VARCHAR(80), amount DECIMAL(10,2), body BLOB) \
             SELECT seq AS id, SHA2(seq, 256) AS name, seq / 7 AS amount, UNHEX(SHA2(-seq, 256)) AS body FROM seq_1_to_60000; \
             CREATE TABLE names (name VARCHAR(20) CHARACTER SET utf8mb4); INSERT INTO names VALUES ('Zoë'), ('李'), (NULL)")
        .await;
        let sums = "CHECKSUM TABLE orders, names; SELECT COUNT(*) FROM orders";
        let before = run(sums).await;
        assert!(before.ends_with("60000"), "{before}");

        let identity = age::x25519::Identity::generate();
        let file = format!(
            "# created by a test\n# public key: {}\n{}\n",
            identity.to_public(),
            identity.to_string().expose_secret()
        );
        case.apply::<Secret>(json!({"metadata": {"name": "age"}, "stringData": {"keys.txt": file}}))
            .await;
        let env = json!([from_secret("USERNAME", "username"), from_secret("PASSWORD", "password")]);
        let login = "-h db -u \"$USERNAME\" \"-p$PASSWORD\"";
        let (dump, load) = (
            format!("mysqldump {login} --hex-blob shop"),
            format!("mysql {login} shop"),
        );
        let mut spec = spec(&case.path("orders.sql.gz.age"), "mysql:8.3.0", env, &dump, &load);
        spec["compression"] = json!({"algorithm": "gzip", "level": 6});
        spec["encryption"] = json!({
            "recipients": [identity.to_public().to_string()], "decryptionKey": {"name": "age", "key": "keys.txt"},
        });
        case.keeps("orders.sql.gz.age");
        case.schedule("daily", json!({"schedule": NEVER}), spec).await;
        let name = case.triggered("daily").await;
        let made = case.succeeded(&name, 120).await;
        assert_eq!(status(&made).state, Some(State::BackupSuccessful));

        run("DROP TABLE orders, names").await;
        case.restore(&name).await;
        assert_eq!(run(sums).await, before);

        let stored = case.store().get(&case.key("orders.sql.gz.age"));
        let text = e2e::bytes::gunzipped(&e2e::bytes::decrypted(&stored, &identity));
        assert_eq!(status(&made).bytes, Some(text.len() as u64));
        assert!(
            String::from_utf8_lossy(&text)
                .trim_end()
                .lines()
                .last()
                .is_some_and(|l| l.starts_with("-- Dump completed"))
        );
    });
}

#[test]
fn postgresql_with_zstd_comes_back() {
    case("postgresql", |case| async move {
        let env = json!([from_secret("POSTGRES_PASSWORD", "password"), {"name": "POSTGRES_DB", "value": "shop"}]);
        server(
            &case,
            "postgres:15",
            5432,
            env,
            &[
                "psql",
                "-h",
                "/run/postgresql",
                "-U",
                "postgres",
                "shop",
                "-c",
                "SELECT 1",
            ],
        )
        .await;
        let run = async |query: &str| {
            let psql = [
                "psql",
                "-h",
                "/run/postgresql",
                "-U",
                "postgres",
                "-v",
                "ON_ERROR_STOP=1",
                "-At",
                "shop",
                "-c",
                query,
            ];
            case.exec("db", &psql).await
        };
        run("CREATE TABLE orders AS SELECT n AS id, md5(n::text) AS name, n / 7.0 AS amount, decode(md5((-n)::text), 'hex') AS body \
             FROM generate_series(1, 60000) n; ALTER TABLE orders ADD PRIMARY KEY (id); \
             CREATE TABLE names (name text); INSERT INTO names VALUES ('Zoë'), ('李'), (NULL)")
        .await;
        let sums = "SELECT count(*), md5(string_agg(o::text, '|' ORDER BY id)) FROM orders o; SELECT md5(string_agg(coalesce(name, '-'), '|' ORDER BY name)) FROM names";
        let before = run(sums).await;
        assert!(before.starts_with("60000|"), "{before}");

        case.keeps("orders.sql.zst");
        let env = json!([from_secret("PGPASSWORD", "password")]);
        let (dump, load) = (
            "pg_dump -h db -U postgres shop",
            "psql -h db -U postgres -q -v ON_ERROR_STOP=1 --single-transaction shop",
        );
        let mut spec = spec(&case.path("orders.sql.zst"), "postgres:15", env, dump, load);
        spec["compression"] = json!({"algorithm": "zstd"});
        case.backup("orders", spec).await;
        run("DROP TABLE orders, names").await;
        case.restore("orders").await;
        assert_eq!(run(sums).await, before);
    });
}

#[test]
fn mariadb_that_was_rewrapped_to_another_key_comes_back_with_that_key_alone() {
    case("mariadb-rewrap", |case| async move {
        let env = json!([from_secret("MYSQL_ROOT_PASSWORD", "password"), {"name": "MYSQL_DATABASE", "value": "shop"}]);
        let sql = |query: &str| format!("mysql -u root \"-p$MYSQL_ROOT_PASSWORD\" -N shop -e \"{query}\"");
        server(&case, "mysql:8.3.0", 3306, env, &["sh", "-c", &sql("SELECT 1")]).await;
        let run = async |query: &str| case.exec("db", &["sh", "-c", &sql(query)]).await;
        run("CREATE TABLE orders (id INT PRIMARY KEY, name VARCHAR(80), body BLOB) \
             SELECT seq AS id, SHA2(seq, 256) AS name, UNHEX(SHA2(-seq, 256)) AS body FROM seq_1_to_30000")
        .await;
        let sums = "CHECKSUM TABLE orders; SELECT COUNT(*) FROM orders";
        let before = run(sums).await;
        assert!(before.ends_with("30000"), "{before}");

        let (old, new) = (age::x25519::Identity::generate(), age::x25519::Identity::generate());
        let keep = async |identity: &age::x25519::Identity| {
            let data = json!({"keys.txt": identity.to_string().expose_secret()});
            case.apply::<Secret>(json!({"metadata": {"name": "age"}, "stringData": data}))
                .await;
        };
        keep(&old).await;
        let env = json!([from_secret("USERNAME", "username"), from_secret("PASSWORD", "password")]);
        let login = "-h db -u \"$USERNAME\" \"-p$PASSWORD\"";
        let (dump, load) = (
            format!("mysqldump {login} --hex-blob shop"),
            format!("mysql {login} shop"),
        );
        let mut spec = spec(&case.path("orders.sql.zst.age"), "mysql:8.3.0", env, &dump, &load);
        spec["retainPolicy"] = json!("Delete");
        spec["compression"] = json!({"algorithm": "zstd"});
        spec["encryption"] = json!({
            "recipients": [old.to_public().to_string()], "decryptionKey": {"name": "age", "key": "keys.txt"},
        });
        case.backup("orders", spec).await;
        let first = case.key("orders.sql.zst.age");
        let request = json!({"add": [new.to_public().to_string()], "remove": [old.to_public().to_string()]});
        e2e::cluster::annotate(&case.runs(), "orders", labels::REWRAP, Some(&request.to_string())).await;
        let key = case
            .until("orders", "is rewrapped", 120, |run| {
                is(run, condition::REWRAPPED).then(|| status(run).key)?
            })
            .await;
        case.keeps(key.split('/').next_back().unwrap());
        assert!(
            case.store().head(&first).is_none(),
            "the object for the old key is gone"
        );

        keep(&new).await;
        run("DROP TABLE orders").await;
        case.restore("orders").await;
        assert_eq!(run(sums).await, before);
        let text = e2e::bytes::decrypted(&case.store().get(&key), &new);
        assert!(
            text.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]),
            "what is inside is compressed as it was"
        );
    });
}

#[test]
fn of_a_postgresql_that_is_kept_by_generations_the_rows_of_that_time_come_back() {
    case("postgresql-at", |case| async move {
        let env = json!([from_secret("POSTGRES_PASSWORD", "password"), {"name": "POSTGRES_DB", "value": "shop"}]);
        let psql =
            |query: &str| format!("psql -h /run/postgresql -U postgres -v ON_ERROR_STOP=1 -At shop -c \"{query}\"");
        server(&case, "postgres:15", 5432, env, &["sh", "-c", &psql("SELECT 1")]).await;
        let run = async |query: &str| case.exec("db", &["sh", "-c", &psql(query)]).await;
        run("CREATE TABLE orders (id int primary key)").await;

        let env = json!([from_secret("PGPASSWORD", "password")]);
        let (dump, load) = (
            "pg_dump -h db -U postgres --clean --if-exists shop",
            "psql -h db -U postgres -q -v ON_ERROR_STOP=1 --single-transaction shop",
        );
        let mut spec = spec(&case.path("{{ .name }}"), "postgres:15", env, dump, load);
        spec["retainPolicy"] = json!("Delete");
        let mut by_time = spec.clone();
        let settings = json!({"schedule": NEVER, "retention": {"last": 2}});
        case.schedule("daily", settings, spec).await;
        let mut made = Vec::new();
        for rows in 1..=3 {
            run(&format!("INSERT INTO orders VALUES ({rows})")).await;
            let name = case.triggered("daily").await;
            made.push(case.succeeded(&name, 120).await);
        }
        let names: Vec<_> = made.iter().map(ResourceExt::name_any).collect();
        case.wait("the oldest is in no generation, and goes", 60, || async {
            let gone = case.runs().get_opt(&names[0]).await.ok()?.is_none();
            (gone && case.store().head(&case.key(&names[0])).is_none()).then_some(())
        })
        .await;
        names[1..].iter().for_each(|name| case.keeps(name));

        let at = status(&made[1]).completion_time.unwrap().0.to_string();
        for field in ["backup", "storage", "retainPolicy"] {
            by_time.as_object_mut().unwrap().remove(field);
        }
        by_time["source"] = json!({"schedule": "daily", "at": at});
        case.start("back", by_time).await;
        let back = case.succeeded("back", 120).await;
        assert_eq!(status(&back).source.unwrap().run, names[1]);
        assert_eq!(
            run("SELECT string_agg(id::text, ',' ORDER BY id) FROM orders").await,
            "1,2"
        );
    });
}

#[test]
fn redis_comes_back_from_its_plain_snapshot() {
    case("redis", |case| async move {
        server(&case, "redis:7", 6379, json!([]), &["redis-cli", "ping"]).await;
        let redis = async |script: &str| case.exec("db", &["redis-cli", "eval", script, "0"]).await;
        redis("for i = 1, 20000 do redis.call('set', 'k' .. i, redis.sha1hex(i)) end; redis.call('zadd', 'z', 1.5, 'a', 2, 'b')").await;
        let digest = async || case.exec("db", &["redis-cli", "debug", "digest"]).await;
        // DEBUG is off by default in Redis 7, so the data are summed by hand.
        let sum = "local all = redis.call('keys', '*'); table.sort(all); local sum = ''; for _, k in ipairs(all) do \
                   sum = redis.sha1hex(sum .. k .. redis.call('dump', k)) end; return #all .. ' ' .. sum";
        let before = redis(sum).await;
        assert!(before.starts_with("20001 "), "{before} {}", digest().await);

        case.keeps("dump.rdb");
        // A snapshot has no text form: the restore starts a server from it beside the real one, which copies from there.
        let load = "set -e; cat >/tmp/dump.rdb; redis-server --dir /tmp --port 7000 --bind '* -::*' --protected-mode no --save '' --daemonize yes >&2; \
                    until [ \"$(redis-cli -p 7000 ping 2>/dev/null)\" = PONG ]; do sleep 0.1; done; \
                    redis-cli -h db replicaof \"$(hostname -i | cut -d' ' -f1)\" 7000 >&2; \
                    until redis-cli -h db info replication | grep -q master_link_status:up; do sleep 0.1; done; \
                    redis-cli -h db replicaof no one >&2; redis-cli -p 7000 shutdown nosave >&2 || true";
        let spec = spec(
            &case.path("dump.rdb"),
            "redis:7",
            json!([]),
            "redis-cli -h db --rdb -",
            load,
        );
        let run = case.backup("snapshot", spec).await;
        let stored = case.store().get(&case.key("dump.rdb"));
        assert!(
            stored.starts_with(b"REDIS"),
            "a snapshot and nothing else: {:?}",
            &stored[..stored.len().min(20)]
        );
        assert_eq!(status(&run).sha256, Some(e2e::bytes::sha256(&stored)));
        redis("redis.call('flushall'); redis.call('set', 'other', 1)").await;
        case.restore("snapshot").await;
        assert_eq!(redis(sum).await, before);
    });
}
