//! docs/recipes/rabbitmq.md.
use e2e::case;
use e2e::runs::status;
use serde_json::json;

use crate::net::{IMAGE, Net, serve};

const SERVER: &str = r#"
export HOME=/data RABBITMQ_BASE=/data RABBITMQ_MNESIA_BASE=/data/mnesia RABBITMQ_LOGS=- RABBITMQ_NODENAME=rabbit@localhost \
    RABBITMQ_ENABLED_PLUGINS_FILE=/data/plugins RABBITMQ_CONFIG_FILE=/data/rabbitmq RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+S 1:1"
echo '[rabbitmq_management].' >/data/plugins
printf 'default_user = admin\ndefault_pass = secret\nmanagement.tcp.port = 15672\n' >/data/rabbitmq.conf
exec /usr/lib/rabbitmq/bin/rabbitmq-server"#;

const ASK: &str = r#"ask() { curl -sS --fail -o /dev/null -u admin:secret -H 'content-type: application/json' "$@"; }; api=http://127.0.0.1:15672/api;"#;

#[test]
fn definitions_of_rabbitmq_come_back_and_every_fault_of_their_export_fails_the_run() {
    case("rabbitmq", |case| async move {
        serve(&case, "rabbitmq", 15672, SERVER, &format!("{ASK} ask $api/overview")).await;
        case.secret(
            "rabbitmq-credentials",
            json!({"username": "admin", "password": "secret"}),
        )
        .await;
        let recipe = Net::of(&case, "rabbitmq.yaml", IMAGE);
        // A server that knows of its first user and host only.
        let empty = status(&recipe.good("empty").await).bytes.unwrap();
        assert!((300..2000).contains(&empty), "{empty}");
        let fill = r#"for i in $(seq 50); do ask -X PUT -d '{"durable":true}' $api/queues/%2f/q$i; done
            ask -X PUT -d '{"type":"topic","durable":true}' $api/exchanges/%2f/events
            ask -X POST -d '{"routing_key":"order.*"}' $api/bindings/%2f/e/events/q/q7
            ask -X PUT -d '{"password":"x","tags":"monitoring"}' $api/users/app
            ask -X PUT -d '{"configure":"","write":".*","read":".*"}' $api/permissions/%2f/app
            ask -X PUT -d '{"pattern":"^q","definition":{"max-length":10}}' $api/policies/%2f/short"#;
        case.sh("rabbitmq", &format!("set -e; {ASK} {fill}")).await;
        let sum = "curl -sS --fail -u admin:secret http://127.0.0.1:15672/api/definitions | jq -cS 'map_values(if type == \"array\" then sort else . end)' | sha256sum";
        let destroy = format!(
            "set -e; {ASK} for i in $(seq 50); do ask -X DELETE $api/queues/%2f/q$i; done; ask -X DELETE $api/exchanges/%2f/events; \
             ask -X DELETE $api/users/app; ask -X DELETE $api/policies/%2f/short"
        );
        let made = recipe.there_and_back("rabbitmq", sum, &destroy).await;

        let half = status(&made).bytes.unwrap() / 2;
        recipe
            .fails_when_cut("rabbitmq", "rabbitmq", 15672, half, "curl: (")
            .await;
        case.secret(
            "rabbitmq-credentials",
            json!({"username": "admin", "password": "wrong"}),
        )
        .await;
        recipe.fails("password", "returned error: 401").await;
    });
}
