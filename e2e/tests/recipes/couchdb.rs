//! docs/recipes/couchdb.md.
use e2e::case;
use e2e::recipe::Server;
use e2e::runs::status;
use serde_json::json;

use crate::net::Net;
use crate::prometheus::IMAGE;

const SERVER: &str = r#"
cd /data
echo '{"admins": {"admin": "secret"}, "log": {"level": "none"}}' >config.json
exec node /pouchdb/node_modules/pouchdb-server/bin/pouchdb-server --in-memory --host 0.0.0.0 --port 5984 --config config.json --no-color --no-stdout-logs"#;
const ASK: &str = "ask() { curl -sS --fail -u admin:secret -H 'Content-Type: application/json' \"$@\"; }; db=http://127.0.0.1:5984/shop;";

#[test]
fn a_database_of_couchdb_comes_back_and_every_fault_of_its_dump_fails_the_run() {
    case("couchdb", |case| async move {
        let server = Server {
            name: "couchdb",
            image: IMAGE,
            args: &["bash", "-ec", SERVER],
            env: json!([]),
            port: 5984,
            ping: &format!("{ASK} ask ${{db%/shop}}/"),
            pod: json!(null),
        };
        case.serve(&server).await;
        let user = |password| json!({"username": "admin", "password": password});
        case.secret("couchdb-credentials", user("secret")).await;
        // As it comes, so that a cut is where the bytes say.
        let recipe = Net::of(&case, "couchdb.yaml", IMAGE).with(&json!({"compression": null}));
        recipe.fails("missing", "returned error: 404").await;
        case.sh("couchdb", &format!("{ASK} ask -X PUT $db")).await;
        let empty = status(&recipe.good("empty").await).bytes.unwrap();
        assert!((30..100).contains(&empty), "{empty}");
        case.sh("couchdb", &format!("{ASK} ask -X DELETE $db")).await;
        case.restore("empty").await;
        assert_eq!(case.sh("couchdb", &format!("{ASK} ask $db | jq .doc_count")).await, "0");

        let fill = r#"for n in 1 2 3 4; do
            jq -cn --argjson n $n '{docs: [range(1000) | {_id: "\($n)-\(.)", v: (. * 7919 % 977), text: ("wörds \(.) " * 20)}]}' | ask --data-binary @- $db/_bulk_docs >/dev/null; done
            ask -X PUT -d '{"views": {"v": {"map": "function (doc) { emit(doc.v); }"}}}' $db/_design/v
            rev=$(ask $db/1-7 | jq -r ._rev); head -c 3000 /dev/urandom >/tmp/picture
            ask -X PUT -H 'Content-Type: image/png' --data-binary @/tmp/picture "$db/1-7/picture?rev=$rev"
            rev=$(ask $db/1-8 | jq -r ._rev); ask -X DELETE "$db/1-8?rev=$rev"
            ask -X PUT -d '{"admins": {"names": ["ann"], "roles": []}, "members": {"names": ["bob"], "roles": ["staff"]}}' $db/_security"#;
        case.sh("couchdb", &format!("set -e; {ASK} {fill}")).await;
        let sum = format!(
            "set -e; {ASK} ask $db/_security >/tmp/all; ask \"$db/_all_docs?include_docs=true&attachments=true\" >>/tmp/all; jq -cS . /tmp/all >/tmp/sorted; \
                           jq -r '.total_rows // empty' /tmp/all; sha256sum </tmp/sorted"
        );
        let before = case.sh("couchdb", &sum).await;
        assert!(before.starts_with("4000\n"), "{before}");
        let destroy = format!("{ASK} ask -X DELETE $db");
        let made = recipe.there_and_back("couchdb", &sum, &destroy).await;

        // What was changed since then would win, and stay.
        let change =
            "rev=$(ask $db/2-1 | jq -r ._rev); ask -X PUT -d '{\"_rev\": \"'$rev'\", \"v\": \"broken\"}' $db/2-1";
        case.sh("couchdb", &format!("set -e; {ASK} {change}")).await;
        let run = case.restore_fails("whole", "CommandFailed", 60).await;
        let said = status(&run).log.unwrap_or_default();
        assert!(said.contains("returned error: 412"), "{said}");

        let half = status(&made).bytes.unwrap() / 2;
        recipe
            .fails_when_cut("couchdb", "couchdb", 5984, half, "curl: (18)")
            .await;
        case.secret("couchdb-credentials", user("wrong")).await;
        recipe.fails("password", "returned error: 401").await;
    });
}
