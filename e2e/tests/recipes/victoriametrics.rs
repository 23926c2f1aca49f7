//! docs/recipes/victoriametrics.md.
use e2e::case;
use e2e::runs::status;
use serde_json::json;

use crate::net::{IMAGE, Net, serve};

/// Ended, it begins anew with nothing.
const SERVER: &str = "while :; do rm -rf /data/vm; victoria-metrics -storageDataPath /data/vm -memory.allowedBytes 64MB -httpListenAddr :8428 \
    -httpAuth.username admin -httpAuth.password secret || true; done";
const ASK: &str = "ask() { curl -sS --fail -u admin:secret \"$@\"; }; vm=http://127.0.0.1:8428;";

#[test]
fn series_of_victoriametrics_come_back_and_every_fault_of_their_export_fails_the_run() {
    case("victoriametrics", |case| async move {
        serve(&case, "victoriametrics", 8428, SERVER, &format!("{ASK} ask $vm/health")).await;
        case.secret(
            "victoriametrics-credentials",
            json!({"username": "admin", "password": "secret"}),
        )
        .await;
        let recipe = Net::of(&case, "victoriametrics.yaml", IMAGE);
        // Nothing is 16 bytes and exit 0.
        case.start("empty", recipe.spec("empty")).await;
        case.failed("empty", "TooSmall", 120).await;
        let fill = "awk -v t=$(date +%s) 'BEGIN{for(i=1;i<=200;i++)for(s=1;s<=500;s++) printf \"m{i=\\\"%d\\\"} %d %d000\\n\",i,s*i*i%977,t-s*10}' >/tmp/lines;
            ask --data-binary @/tmp/lines $vm/api/v1/import/prometheus";
        let all = "-G $vm/api/v1/export --data-urlencode 'match[]={__name__!=\"\"}'";
        // What it was given it may show some seconds later. Of nothing the sum is that of nothing, and a server that does not answer has none.
        let sum = format!(
            "set -e; {ASK} for i in $(seq 20); do ask $vm/internal/force_flush; ask {all} >/tmp/all;
             [ \"$(grep -o '[0-9]000[],]' /tmp/all | wc -l)\" = 100000 ] && break || sleep 1; done; sort /tmp/all | sha256sum"
        );
        case.sh("victoriametrics", &format!("set -e; {ASK} {fill}; {sum}"))
            .await;
        // One that was only asked to end still answers, and would take what is restored along with it.
        let destroy = format!(
            "{ASK} old=$(pgrep -o victoria-metric); kill -9 $old; while [ -e /proc/$old ]; do sleep 0.1; done; until ask $vm/health; do sleep 0.2; done >/dev/null 2>&1"
        );
        let made = recipe.there_and_back("victoriametrics", &sum, &destroy).await;

        let half = status(&made).bytes.unwrap() / 2;
        recipe
            .fails_when_cut("victoriametrics", "victoriametrics", 8428, half, "curl: (18)")
            .await;
        case.secret(
            "victoriametrics-credentials",
            json!({"username": "admin", "password": "wrong"}),
        )
        .await;
        recipe.fails("password", "returned error: 401").await;
    });
}
