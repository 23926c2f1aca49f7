//! A container of Azure, as Azurite in a Pod has it: backups go in blocks and come back, straight and over the relay, and leave nothing.
use e2e::cluster::node_address;
use e2e::runs::{sleeping, spec};
use e2e::{Case, case, example};
use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use serde_json::json;
use servers::{Answer, SECRET_KEY, account_key, azure_request};

/// Two blocks and the last.
const SIZE: usize = 12 << 20;
const ACCOUNT: &str = "e2eazure";
const PORT: u16 = 10_000;

/// Azurite, with an empty container; host and port outside of the cluster.
async fn azurite(case: &Case) -> String {
    let key = account_key(SECRET_KEY);
    case.apply::<Secret>(json!({"metadata": {"name": "azure"}, "stringData": {"AZURE_STORAGE_KEY": key}}))
        .await;
    let container = json!({
        "name": "azurite", "image": "localhost/azurite:dev",
        "args": [
            "/azurite/node_modules/azurite/dist/src/blob/main.js", "--blobHost", "0.0.0.0", "--blobPort", PORT.to_string(),
            "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--disableProductStyleUrl",
        ],
        "env": [{"name": "AZURITE_ACCOUNTS", "value": format!("{ACCOUNT}:{key}")}],
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
    });
    let labels = json!({"app": "azurite"});
    let pod = json!({"containers": [container], "terminationGracePeriodSeconds": 0});
    case.apply::<Pod>(json!({"metadata": {"name": "azurite", "labels": labels}, "spec": pod}))
        .await;
    let ports = json!([{"name": "blob", "port": PORT}]);
    let service = json!({"type": "NodePort", "selector": labels, "ports": ports});
    let service: Service = case
        .apply(json!({"metadata": {"name": "azurite"}, "spec": service}))
        .await;
    let port = service.spec.and_then(|s| s.ports?.first()?.node_port).unwrap();
    let address = format!("{}:{port}", node_address(case.client()).await);
    case.wait("Azurite makes a container", 90, || async {
        let made = ask(&address, "PUT", "/backups", &[("restype", "container")])?;
        (made.status == 201).then_some(())
    })
    .await;
    address
}

/// As the account's owner.
fn ask(address: &str, verb: &str, path: &str, query: &[(&str, &str)]) -> Option<Answer> {
    azure_request(address, ACCOUNT, verb, path, query, &[], b"")
}

/// Keys of the container, also of those that have nothing but blocks.
fn keys(address: &str) -> Vec<String> {
    let query = [
        ("comp", "list"),
        ("include", "uncommittedblobs"),
        ("restype", "container"),
    ];
    let list = ask(address, "GET", "/backups", &query).expect("a list");
    let text = String::from_utf8_lossy(&list.body).into_owned();
    let names = text.split("<Name>").skip(1);
    names
        .filter_map(|rest| Some(rest.split_once("</Name>")?.0.to_owned()))
        .collect()
}

async fn storage(case: &Case, name: &str, path: &str) -> String {
    let endpoint = format!("http://azurite.{}.svc:{PORT}/{ACCOUNT}", case.namespace());
    let parameters = json!({"account": ACCOUNT, "endpoint": endpoint, "prefix": name});
    let credentials = json!({"name": "azure", "namespace": case.namespace()});
    let own = json!({"parameters": parameters, "credentials": credentials, "dataPath": path});
    let storage = case.storage(name, example::storage("storage-azure.yaml", &own)).await;
    case.storage_ready(&storage).await;
    storage
}

#[test]
fn backups_go_into_blobs_in_blocks_come_back_and_leave_nothing() {
    case("azure", |case| async move {
        let address = azurite(&case).await;
        for path in ["Direct", "Relay"] {
            let name = path.to_lowercase();
            let storage = storage(&case, &name, path).await;
            let found = case.storages().get(&storage).await.unwrap().status.unwrap();
            assert_eq!(found.capabilities.map(|c| c.checksum), Some("md5".to_owned()));
            // In blocks, and whole.
            for (size, run) in [(SIZE, format!("{name}-blocks")), (1000, format!("{name}-whole"))] {
                case.there_and_back(&storage, &run, size).await;
                assert!(keys(&address).contains(&format!("{name}/{run}")));
            }
        }
        let cut = ["sh", "-c", "head -c 12000000 /dev/zero; exit 9"];
        let mut spec = spec("/cut", sleeping("redis:7"), &cut, &["cat"]);
        spec["storage"]["name"] = json!(storage(&case, "cut", "Direct").await);
        case.start("cut", spec).await;
        case.failed("cut", "CommandFailed", 120).await;
        case.wait("the failed backup has left no blocks", 60, || async {
            keys(&address).iter().all(|key| !key.starts_with("cut/")).then_some(())
        })
        .await;
        for run in ["direct-blocks", "direct-whole", "relay-blocks", "relay-whole"] {
            e2e::cluster::delete(&case.runs(), run).await;
        }
        case.wait("nothing is left of what was deleted", 60, || async {
            keys(&address).is_empty().then_some(())
        })
        .await;
    });
}
