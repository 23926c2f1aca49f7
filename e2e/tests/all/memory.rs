//! What the agent takes of the container's memory: the parts of large backups fit into a small one.
use e2e::runs::{status, stream};
use e2e::shared::{NAMESPACE, SECRET, parameters};
use e2e::{Case, bytes, case};
use serde_json::{Value, json};

/// More than twice what the container has, so that a part of the old plan for 100 GiB would end it.
const SIZE: usize = 300 << 20;

/// A run in a container of 128 MiB.
fn small(case: &Case, name: &str) -> Value {
    let mut spec = stream(&case.path(name), &format!("random {SIZE}"));
    // Requests as limits would be: the node has less than the tests ask for.
    spec["template"]["spec"]["containers"][0]["resources"] =
        json!({"limits": {"memory": "128Mi"}, "requests": {"memory": "16Mi"}});
    spec
}

/// Stored whole, in so many parts: an ETag of an upload says how many.
async fn stored(case: &Case, name: &str, parts: usize) {
    case.keeps(name);
    let run = case.succeeded(name, 240).await;
    assert_eq!(
        case.store().sha256(&case.key(name)),
        bytes::sha256(&bytes::random(SIZE, 1))
    );
    let etag = status(&run).etag.unwrap_or_default();
    assert!(etag.trim_matches('"').ends_with(&format!("-{parts}")), "{etag}");
}

#[test]
fn a_container_of_128_mib_backs_up_in_the_parts_of_100_gib() {
    case("memory-plan", |case| async move {
        let mut spec = small(&case, "db");
        spec["backup"]["expectedSize"] = json!("100Gi");
        case.start("db", spec).await;
        stored(&case, "db", SIZE.div_ceil(12 << 20)).await;
    });
}

#[test]
fn parts_are_no_larger_than_the_container_has_room_for() {
    case("memory-room", |case| async move {
        let mut parameters = parameters();
        parameters["partSize"] = json!("80Mi");
        let credentials = json!({"name": SECRET, "namespace": NAMESPACE});
        let storage = case
            .storage("large", json!({"parameters": parameters, "credentials": credentials}))
            .await;
        case.storage_ready(&storage).await;
        let mut spec = small(&case, "db");
        spec["storage"]["name"] = json!(storage);
        case.start("db", spec).await;
        stored(&case, "db", SIZE.div_ceil(32 << 20)).await;
    });
}
