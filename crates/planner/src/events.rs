//! How an Event is written down: as `kubectl describe` and `kubectl get events` show it best.
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event as KubeEvent;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};

use crate::run::Event;

/// The longest note that the API server takes, bytes.
const NOTE: usize = 1024;
/// What is taken of the object's name for that of its Event.
const NAME: usize = 200;
/// Who says it.
const CONTROLLER: &str = "backup-operator.io/operator";

/// The Event about an object, said by a process of the operator.
///
/// `kubectl describe` sorts by a time that the API has deprecated and leaves the rest in the order of names. So the name has the time, as
/// those of Kubernetes' own recorder: without it the end of a story would stand before its beginning. What is random in it keeps two of
/// one moment apart.
pub fn object(about: ObjectReference, event: &Event, instance: &str, now: Timestamp) -> KubeEvent {
    let name: String = about.name.iter().flat_map(|n| n.chars()).take(NAME).collect();
    let name = name.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    KubeEvent {
        metadata: ObjectMeta {
            generate_name: Some(format!("{name}.{:016x}-", now.as_nanosecond().max(0))),
            namespace: Some(about.namespace.clone().unwrap_or_else(|| "default".into())),
            ..ObjectMeta::default()
        },
        type_: Some(if event.warning { "Warning" } else { "Normal" }.into()),
        reason: Some(event.reason.into()),
        action: Some(event.action.into()),
        note: Some(cut(&event.note)),
        event_time: Some(MicroTime(now)),
        reporting_controller: Some(CONTROLLER.into()),
        reporting_instance: Some(instance.into()),
        regarding: Some(about),
        ..KubeEvent::default()
    }
}

fn cut(note: &str) -> String {
    let fits = |(at, c): &(usize, char)| at + c.len_utf8() <= NOTE;
    note.char_indices().take_while(fits).map(|(_, c)| c).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, namespace: Option<&str>, note: &str, at: &str) -> KubeEvent {
        let about = ObjectReference {
            name: Some(name.into()),
            namespace: namespace.map(Into::into),
            ..ObjectReference::default()
        };
        let event = Event {
            warning: true,
            reason: "PodWaits",
            action: "Wait",
            note: note.into(),
        };
        object(about, &event, "operator-1", at.parse().unwrap())
    }

    #[test]
    fn events_of_an_object_have_names_in_the_order_of_time() {
        let times = [
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00.000000001Z",
            "2286-11-20T17:46:40Z",
        ];
        let names = times.map(|at| of("db", Some("team"), "", at).metadata.generate_name.unwrap());
        assert!(names.is_sorted() && names[0].starts_with("db.1886"), "{names:?}");
    }

    #[test]
    fn an_event_fits_what_the_api_server_takes() {
        let long = of(&"a-".repeat(120), None, &"é".repeat(600), "2026-01-01T00:00:00Z");
        let name = long.metadata.generate_name.unwrap();
        assert!(name.len() < 240 && !name.contains("-."), "{name}");
        assert_eq!(long.metadata.namespace.as_deref(), Some("default"));
        assert_eq!(long.note.unwrap(), "é".repeat(512));
    }
}
