//! Servers that were built for the purpose: Prometheus, and PouchDB Server for CouchDB.
use super::Trap;

const MORE: &str = "localhost/e2e/recipes-more:dev";

pub const PROMETHEUS: &[Trap] = &[
    Trap {
        name: "prometheus-empty",
        tool: "Prometheus 3.13.5",
        image: MORE,
        writes: "`curl --fail -X POST .../api/v1/admin/tsdb/snapshot`, then `tar` of the folder",
        does: "a server without series, such as one that lost its volume, says `success`, exit 0, and the folder is empty",
        safe: "look for the `meta.json` of a block in it ([Prometheus](prometheus.md))",
        rule: None,
        shown: r#"echo 'global: {}' >conf
prometheus --config.file=conf --web.listen-address=127.0.0.1:8440 --storage.tsdb.path=data --web.enable-admin-api 2>log & trap 'kill $!' EXIT
until curl -sf -o /dev/null http://127.0.0.1:8440/-/ready; do :; done
ends 0 curl -sSf -X POST http://127.0.0.1:8440/api/v1/admin/tsdb/snapshot >said
is "$(jq -r .status said)" success
is "$(ls "data/snapshots/$(jq -r .data.name said)" | wc -l)" 0"#,
    },
    Trap {
        name: "prometheus-retention",
        tool: "Prometheus 3.13.5",
        image: MORE,
        writes: "an old snapshot, moved into the folder of a Prometheus with the usual retention (15 days)",
        does: "shows the old series, and deletes them some hours later, as soon as it has written its first block of new samples",
        safe: "start it with a longer `--storage.tsdb.retention.time` than the backup is old, or beside the real one and with nothing to scrape",
        rule: None,
        shown: r#"echo 'global: {}' >conf
api=http://127.0.0.1:8441/api/v1
starts() { prometheus --config.file=conf --web.listen-address=127.0.0.1:8441 --storage.tsdb.path="$1" --web.enable-admin-api --web.enable-otlp-receiver 2>log & until curl -sf -o /dev/null http://127.0.0.1:8441/-/ready; do :; done; }
stops() { kill $!; wait $!; }
count() { curl -sSf -G $api/query --data-urlencode 'query=count_over_time(m[60d])' | jq -r '.data.result[0].value[1]'; }
trap 'kill $!' EXIT
# A block of 40 days ago, and one of today.
for days in 40 0; do
	starts of-$days
	curl -sSf -o /dev/null -H 'Content-Type: application/json' $api/otlp/v1/metrics \
		-d '{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[{"asDouble":1,"timeUnixNano":"'$(($(date +%s) - days * 86400))'000000000"}]}}]}]}]}'
	mv "of-$days/snapshots/$(curl -sSf -X POST $api/admin/tsdb/snapshot | jq -r .data.name)" then-$days
	stops
done
mkdir restored
cp -r then-40/* restored
starts restored
is "$(count)" 1
stops
cp -r then-0/* restored
starts restored
is "$(count)" 1
is "$(ls -d restored/*/meta.json | wc -l)" 1
is "$(ls restored | grep -cxF "$(ls then-0)")" 1
[ ! -e "restored/$(ls then-40)" ]"#,
    },
];

/// Starts PouchDB Server in the folder, and makes a database with one document, whose second state is `old`.
macro_rules! couchdb {
    ($port:literal, $rest:literal) => {
        concat!(
            r#"node /pouchdb/node_modules/pouchdb-server/bin/pouchdb-server --in-memory --port "#,
            $port,
            r#" --no-stdout-logs >log 2>&1 & trap 'kill $!' EXIT
db=http://127.0.0.1:"#,
            $port,
            r#"/shop
until curl -sf -o /dev/null ${db%/shop}/; do sleep 0.1; done
put() { curl -sSf -X PUT -H 'Content-Type: application/json' -d "${2:-}" "$db$1"; }
load() { curl -sS -w '%{http_code}' -o said -H 'Content-Type: application/json' -d @"$1" $db/_bulk_docs; }
put '' >made
rev=$(put /a '{"v": "old"}' | jq -r .rev)
curl -sSf "$db/_all_docs?include_docs=true" >whole
"#,
            $rest
        )
    };
}

pub const COUCHDB: &[Trap] = &[
    Trap {
        name: "couchdb-newer",
        tool: "PouchDB Server 4.2.0",
        image: MORE,
        writes: "`curl --fail` of all documents to `/shop/_bulk_docs` with `\"new_edits\": false`, into a database that is there",
        does: "documents that were changed since the backup have the higher revision and stay as they are: 201, `[]`, exit 0",
        safe: "into a name that is not there ([CouchDB](couchdb.md))",
        rule: None,
        shown: couchdb!(
            "8442",
            r#"put /a '{"_rev": "'"$rev"'", "v": "broken"}' >made
jq -c '{new_edits: false, docs: [.rows[].doc]}' whole >docs
is "$(load docs)" 201
is "$(cat said)" '[]'
is "$(curl -sSf $db/a | jq -r .v)" broken"#
        ),
    },
    Trap {
        name: "couchdb-conflicts",
        tool: "PouchDB Server 4.2.0",
        image: MORE,
        writes: "the same without `\"new_edits\": false`, into a new database",
        does: "each document has a revision that the database does not know: `conflict` for each in the answer, 201, exit 0, and none is there",
        safe: "`\"new_edits\": false`, and look whether the answer is `[]`",
        rule: None,
        shown: couchdb!(
            "8443",
            r#"curl -sSf -X DELETE $db >made
put '' >made
jq -c '{docs: [.rows[].doc]}' whole >docs
is "$(load docs)" 201
is "$(jq -r '.[].error' said)" conflict
is "$(curl -sSf $db | jq .doc_count)" 0"#
        ),
    },
];
