//! Backups that are far smaller than those before: they fail where the schedule says so, and are told of where it does not.
use e2e::case;
use e2e::runs::{message, status, stream};
use e2e::schedules::NEVER;
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use serde_json::json;

#[test]
fn a_backup_far_smaller_than_those_before_fails_and_the_last_good_object_stays() {
    case("min-size", |case| async move {
        let run = |size: &str| {
            let mut run = stream(&case.path("db"), &format!("random {size}"));
            run["backup"]["minSize"] = json!("50%");
            run
        };
        let settings = json!({"schedule": NEVER});
        case.schedule("daily", settings.clone(), run("1000")).await;
        let first = case.triggered("daily").await;
        case.succeeded(&first, 90).await;
        case.keeps("db");
        let etag = case.store().head(&case.key("db")).map(|o| o.etag);
        assert!(etag.is_some());

        case.schedule("daily", settings, run("499")).await;
        let second = case.triggered("daily").await;
        case.fault(
            &second,
            "command: prints less than half of the last good backup, minSize 50%",
        );
        let failed = case.failed(&second, "TooSmall", 90).await;
        let said = message(&failed);
        assert!(said.contains("499 bytes") && said.contains("500"), "{said}");
        assert_eq!(case.store().head(&case.key("db")).map(|o| o.etag), etag);
    });
}

#[test]
fn a_backup_far_smaller_than_those_before_is_good_and_warned_of() {
    case("shrunk", |case| async move {
        let path = format!("/{}/{{{{ .name }}}}", case.namespace());
        let mut names = Vec::new();
        for size in ["1000", "499"] {
            let run = stream(&path, &format!("random {size}"));
            case.schedule("daily", json!({"schedule": NEVER}), run).await;
            let name = case.triggered("daily").await;
            if size == "499" {
                let fault = "command: prints less than half of the last good backup, no minSize";
                case.fault(&name, fault);
            }
            case.keeps(&name);
            let run = case.succeeded(&name, 90).await;
            assert_eq!(status(&run).bytes, size.parse().ok());
            names.push(name);
        }
        let warned = case.wait("an Event tells of it", 15, || async {
            let events = case.api::<Event>().list(&ListParams::default()).await.ok()?.items;
            let shrunk = |e: &Event| e.reason.as_deref() == Some("Shrunk");
            events.into_iter().find(shrunk)
        });
        let warned = warned.await;
        assert_eq!(warned.type_.as_deref(), Some("Warning"));
        assert_eq!(warned.regarding.and_then(|r| r.name).as_ref(), names.last());
        let note = warned.note.unwrap_or_default();
        assert!(note.contains("499 B only") && note.contains("1000 B"), "{note}");
    });
}
