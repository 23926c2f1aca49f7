//! A store that is away for longer than anything waits.
use std::time::Duration;

use api::condition;
use e2e::long_case;
use e2e::runs::{is, stream};
use k8s_openapi::api::events::v1::Event;
use serde_json::{Value, json};

/// A run that is deleted waits five minutes for its store.
const LIMIT: Duration = Duration::from_secs(700);

#[test]
fn a_run_whose_store_is_down_is_let_go_after_five_minutes_and_says_what_it_left() {
    long_case("let-go", LIMIT, |case| async move {
        let proxy = case.proxied(json!({}), Value::Null).await;
        let mut spec = stream(&case.path("db"), "random 1000");
        (spec["retainPolicy"], spec["storage"]["name"]) = (json!("Delete"), json!(proxy.storage));
        let run = case.backup("db", spec).await;
        assert!(is(&run, condition::SUCCESSFUL));
        case.fault("db", "retention: the store is down while the run is deleted");
        case.keeps("db");
        proxy.down();
        e2e::cluster::delete(&case.runs(), "db").await;
        case.wait("the run is let go", 420, || async {
            case.runs().get_opt("db").await.ok()?.is_none().then_some(())
        })
        .await;
        let events = case.api::<Event>().list(&Default::default()).await.unwrap().items;
        let named = |e: &Event| e.note.as_ref().is_some_and(|n| n.contains(&case.key("db")));
        let said = events
            .iter()
            .any(|e| e.reason.as_deref() == Some("LeftBehind") && named(e));
        case.end(
            "db",
            "let go, Event LeftBehind",
            if said { "let go, Event LeftBehind" } else { "no Event" },
        );
        assert!(said, "{:?}", events.iter().map(|e| &e.reason).collect::<Vec<_>>());
    });
}
