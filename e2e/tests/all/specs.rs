//! Specs that are wrong: refused by the API server, or ended at once with the field and the cure.
use e2e::admission::answered;
use e2e::case;
use e2e::runs::{message, status, stream};
use kube::api::PostParams;
use serde_json::{Value, json};

type Fault = (&'static str, fn(&mut Value), &'static [&'static str]);

#[test]
fn a_wrong_spec_ends_at_once_and_names_the_field_and_the_cure() {
    case("spec", |case| async move {
        let cases: [Fault; 9] = [
            (
                "container",
                |s| s["backup"]["container"] = json!("nobody"),
                &["spec.backup.container", "nobody", "stream"],
            ),
            (
                "restore-container",
                |s| s["restore"]["container"] = json!("nobody"),
                &["spec.restore.container", "nobody"],
            ),
            (
                "dots",
                |s| s["storage"]["path"] = json!("/a/../b"),
                &["spec.storage.path", ".."],
            ),
            (
                "rendered-dots",
                |s| s["storage"]["path"] = json!("/a/{{ printf \"%s\" \"..\" }}/b"),
                &["spec.storage.path", ".."],
            ),
            (
                "relative",
                |s| s["storage"]["path"] = json!("a/b"),
                &["spec.storage.path", "/"],
            ),
            (
                "function",
                |s| s["storage"]["path"] = json!("/{{ env \"HOME\" }}"),
                &["spec.storage.path", "env"],
            ),
            (
                "template",
                |s| s["storage"]["path"] = json!("/{{ now "),
                &["spec.storage.path"],
            ),
            (
                "recipient",
                |s| s["encryption"] = json!({"recipients": ["age1wrong"], "decryptionKey": {"name": "a", "key": "b"}}),
                &["spec.encryption.recipients[0]"],
            ),
            (
                "no-key",
                |s| {
                    s["encryption"] = json!({"recipients": [age::x25519::Identity::generate().to_public().to_string()]})
                },
                &["spec.encryption.decryptionKey"],
            ),
        ];
        for (name, change, words) in cases {
            let mut spec = stream("/x", "random 1000");
            spec["storage"]["path"] = json!(case.path(name));
            change(&mut spec);
            let json = json!({"apiVersion": "backup-operator.io/v1", "kind": "BackupRun", "metadata": {"name": name}, "spec": spec});
            // Either answer is right: the API server's rules are the same, as far as it can know them.
            let (runs, parameters, run) = (case.runs(), PostParams::default(), e2e::cluster::object(json));
            let said = match answered(|| runs.create(&parameters, &run)).await {
                Err(kube::Error::Api(refusal)) => refusal.message,
                Err(error) => panic!("{name}: {error}"),
                Ok(_) => {
                    let run = case.ended(name, 30).await;
                    assert_eq!(
                        (status(&run).pod_name, status(&run).key),
                        (None, None),
                        "{name}: nothing was begun"
                    );
                    message(&run)
                }
            };
            for word in words {
                assert!(said.contains(word), "{name}: {word:?} is not in {said:?}");
            }
        }
    });
}

#[test]
fn the_api_server_refuses_what_it_can_know_to_be_wrong() {
    case("cel", |case| async move {
        let cases: [Fault; 4] = [
            (
                "neither",
                |s| {
                    s.as_object_mut()
                        .unwrap()
                        .retain(|k, _| k != "backup" && k != "restore");
                },
                &["backup", "restore"],
            ),
            ("no-command", |s| s["backup"]["command"] = json!([]), &["command"]),
            (
                "level",
                |s| s["compression"] = json!({"algorithm": "gzip", "level": 99}),
                &["level"],
            ),
            (
                "deadline",
                |s| s["backup"]["deadlineSeconds"] = json!(0),
                &["deadlineSeconds"],
            ),
        ];
        for (name, change, words) in cases {
            let mut spec = stream("/x", "random 1000");
            change(&mut spec);
            let json = json!({"apiVersion": "backup-operator.io/v1", "kind": "BackupRun", "metadata": {"name": name}, "spec": spec});
            let (runs, parameters, run) = (case.runs(), PostParams::default(), e2e::cluster::object(json));
            let refusal = answered(|| runs.create(&parameters, &run)).await;
            let Err(kube::Error::Api(refusal)) = refusal else {
                panic!("{name} was taken: {refusal:?}")
            };
            assert!(
                words.iter().all(|w| refusal.message.contains(w)),
                "{name}: {}",
                refusal.message
            );
        }
    });
}

#[test]
fn the_spec_of_a_run_does_not_change_after_its_creation() {
    case("immutable", |case| async move {
        case.keeps("db");
        case.backup("db", stream(&case.path("db"), "random 1000")).await;
        let change = json!({"spec": {"storage": {"path": "/elsewhere"}}});
        let (runs, parameters) = (case.runs(), kube::api::PatchParams::default());
        let merge = kube::api::Patch::Merge(&change);
        let patched = answered(|| runs.patch("db", &parameters, &merge)).await;
        assert!(matches!(patched, Err(kube::Error::Api(_))), "{patched:?}");
        e2e::cluster::merge(
            &case.runs(),
            "db",
            json!({"spec": {"retainPolicy": "Retain", "restore": {"args": ["/dev/null"]}}}),
        )
        .await;
    });
}

#[test]
fn a_path_is_rendered_once_and_recorded() {
    case("path", |case| async move {
        let template = format!("/{}/{{{{ now | date \"2006.01.02-15:04:05\" }}}}.sql", case.namespace());
        let run = case.backup("db", stream(&template, "random 1000")).await;
        let path = status(&run).path.unwrap();
        let name = path.strip_prefix(&format!("/{}/", case.namespace())).unwrap();
        case.keeps(name);
        assert!(
            name.len() == "2006.01.02-15:04:05.sql".len() && name.starts_with("20") && name.ends_with(".sql"),
            "{path}"
        );
        assert_eq!(status(&run).key.as_deref(), path.strip_prefix('/'));
        let run = case.restore("db").await;
        assert_eq!(status(&run).path, Some(path));
    });
}
