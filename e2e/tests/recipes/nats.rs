//! docs/recipes/nats.md.
use e2e::case;
use e2e::runs::status;
use serde_json::json;

use crate::net::{IMAGE, Net, serve};

const SERVER: &str = "exec nats-server --jetstream --store_dir /data/jetstream --user app --pass secret";
const NATS: &str = "export HOME=/tmp NATS_URL=nats://127.0.0.1:4222 NATS_USER=app NATS_PASSWORD=secret;";

#[test]
fn streams_of_nats_come_back_and_every_fault_of_their_backup_fails_the_run() {
    case("nats", |case| async move {
        serve(&case, "nats", 4222, SERVER, &format!("{NATS} nats account info >&2")).await;
        case.secret("nats-credentials", json!({"username": "app", "password": "secret"}))
            .await;
        let recipe = Net::of(&case, "nats.yaml", IMAGE);
        recipe.fails("empty", "no streams found").await;
        let fill = format!(
            "set -e; {NATS} nats stream add ORDERS --subjects 'orders.>' --storage file --defaults; nats consumer add ORDERS work --pull --defaults; \
             nats pub orders.new --count 2000 'order {{{{Count}}}} {{{{Random 200 300}}}}' 2>&1 | tail -n 1; nats consumer next ORDERS work --count 5 --ack"
        );
        case.sh("nats", &fill).await;
        let sum = format!(
            "set -e; {NATS} nats stream info ORDERS --json | jq -cS '.state, .config' >/tmp/sum; nats consumer info ORDERS work --json | jq -c '.ack_floor.stream_seq' >>/tmp/sum; \
             nats stream get ORDERS 1000 --json >>/tmp/sum; sha256sum </tmp/sum"
        );
        let destroy = format!("{NATS} nats stream rm -f ORDERS");
        let made = recipe.there_and_back("nats", &sum, &destroy).await;

        let half = status(&made).bytes.unwrap() / 2;
        recipe.fails_when_cut("nats", "nats", 4222, half, "nats: error: ").await;
        case.secret("nats-credentials", json!({"username": "app", "password": "wrong"}))
            .await;
        recipe.fails("password", "Authorization Violation").await;
    });
}
