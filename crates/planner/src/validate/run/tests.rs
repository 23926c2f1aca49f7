//! The rules of a run, each a test.
use std::collections::BTreeMap;

use api::run::{DecryptionKey, Encryption, TemplateMetadata};
use k8s_openapi::api::core::v1::{Container, Volume, VolumeMount};
use testing::{backup_run, restore_only_run};

use super::*;

const AGE: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

type Change = fn(&mut BackupRunSpec);

/// What a changed backup run's faults are.
fn faults(change: Change) -> Vec<String> {
    let mut spec = backup_run().spec;
    change(&mut spec);
    validate(&spec)
        .err()
        .unwrap_or_default()
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn container(name: &str) -> Container {
    Container {
        name: name.into(),
        image: Some("db:1".into()),
        ..Container::default()
    }
}

fn encrypted(recipients: &[&str], key: bool) -> Option<Encryption> {
    let key = key.then(|| DecryptionKey {
        name: "age".into(),
        namespace: None,
        key: "key".into(),
        key_type: None,
    });
    Some(Encryption {
        recipients: recipients.iter().map(ToString::to_string).collect(),
        recipients_from: vec![],
        decryption_key: key,
    })
}

fn compressed(algorithm: Algorithm, level: Option<i32>) -> Result<ValidRun, Vec<Fault>> {
    let mut spec = backup_run().spec;
    spec.compression = Some(Compression {
        algorithm,
        level,
        window_log: None,
    });
    validate(&spec)
}

#[test]
fn what_is_right_passes() {
    let cases: &[Change] = &[
        |_| {},
        |s| s.restore = None,
        |s| s.retain_policy = Some(RetainPolicy::Delete),
        |s| s.encryption = encrypted(&[AGE], true),
        |s| {
            s.restore = None;
            s.encryption = encrypted(&[AGE, AGE], false);
        },
        |s| s.storage.path = api::run::DEFAULT_PATH.into(),
        |s| s.storage.path = r#"/backups/mysql-{{ now | date "2006.01.02-15:04:05" }}.sql"#.into(),
        |s| s.storage.path = "  /a/b\n".into(),
        |s| s.template.spec.init_containers = Some(vec![container("init")]),
    ];
    for (index, change) in cases.iter().enumerate() {
        assert_eq!(faults(*change), Vec::<String>::new(), "case {index}");
    }
    assert!(validate(&restore_only_run().spec).is_ok());
}

#[test]
fn what_is_wrong_is_named_with_its_field_and_the_cure() {
    let cases: &[(Change, &str, &str)] = &[
        (
            |s| (s.backup, s.restore) = (None, None),
            "spec: ",
            "at least one is needed",
        ),
        (
            |s| s.backup.as_mut().unwrap().command.clear(),
            "spec.backup.command: ",
            "program to run",
        ),
        (
            |s| s.restore.as_mut().unwrap().command = vec![String::new()],
            "spec.restore.command: ",
            "program to run",
        ),
        (
            |s| s.backup.as_mut().unwrap().deadline_seconds = Some(0),
            "spec.backup.deadlineSeconds: ",
            "no limit",
        ),
        (
            |s| s.backup.as_mut().unwrap().min_size = Some("10MB".into()),
            "spec.backup.minSize: ",
            "as in 10Mi",
        ),
        (
            |s| s.start_deadline_seconds = Some(0),
            "spec.startDeadlineSeconds: ",
            "at least 1",
        ),
        (
            |s| s.backup.as_mut().unwrap().container = Some("mian".into()),
            "spec.backup.container: ",
            "did you mean \"main\"?",
        ),
        (
            |s| s.restore.as_mut().unwrap().container = Some("other".into()),
            "spec.restore.container: ",
            "which is main",
        ),
        (
            |s| {
                s.template.spec.init_containers = Some(vec![container("init")]);
                s.backup.as_mut().unwrap().container = Some("init".into());
            },
            "spec.backup.container: ",
            "init container",
        ),
        (
            |s| s.template.spec.containers.clear(),
            "spec.template.spec.containers: ",
            "at least one",
        ),
        (|s| s.storage.name.clear(), "spec.storage.name: ", "BackupStorage"),
        (
            |s| s.storage.path = "a".into(),
            "spec.storage.path: ",
            "does not begin with /",
        ),
        (
            |s| s.storage.path = "/{{ env \"HOME\" }}".into(),
            "spec.storage.path: line 1, column 5",
            "environment",
        ),
        (
            |s| s.storage.path = "/../{{ now.Unix }}".into(),
            "spec.storage.path: ",
            "\"..\"",
        ),
        (
            |s| s.storage.path = "/{{ repeat 1001 \"a\" }}".into(),
            "spec.storage.path: ",
            "at most 1000",
        ),
        (
            |s| s.encryption = encrypted(&[AGE], false),
            "spec.encryption.decryptionKey: ",
            "needed when both",
        ),
        (
            |s| s.encryption = encrypted(&[], true),
            "spec.encryption.recipients: ",
            "at least one",
        ),
        (
            |s| s.encryption = encrypted(&[AGE, "age1x"], true),
            "spec.encryption.recipients[1]: ",
            "mistyped",
        ),
        (
            |s| {
                s.template.spec.volumes = Some(vec![
                    Volume {
                        name: "x".into(),
                        ..Volume::default()
                    },
                    Volume {
                        name: "backup-operator".into(),
                        ..Volume::default()
                    },
                ]);
            },
            "spec.template.spec.volumes[1].name: ",
            "choose another",
        ),
        (
            |s| s.template.spec.init_containers = Some(vec![container("backup-operator-agent")]),
            "spec.template.spec.initContainers[0].name: ",
            "choose another",
        ),
        (
            |s| {
                let mount = VolumeMount {
                    name: "x".into(),
                    mount_path: "/.backup-operator/bin".into(),
                    ..VolumeMount::default()
                };
                s.template.spec.containers[0].volume_mounts = Some(vec![mount]);
                s.template.spec.volumes = Some(vec![Volume {
                    name: "x".into(),
                    ..Volume::default()
                }]);
            },
            "spec.template.spec.containers[0].volumeMounts[0].mountPath: ",
            "choose another",
        ),
        (
            |s| {
                let labels = BTreeMap::from([("backup-operator.io/run".to_string(), "x".to_string())]);
                s.template.metadata = Some(TemplateMetadata {
                    labels: Some(labels),
                    annotations: None,
                });
            },
            "spec.template.metadata.labels[\"backup-operator.io/run\"]: ",
            "operator's own",
        ),
    ];
    for (index, (change, field, words)) in cases.iter().enumerate() {
        let all = faults(*change);
        assert!(
            all.len() == 1 && all[0].starts_with(field) && all[0].contains(words),
            "case {index}: {all:#?}"
        );
    }
}

#[test]
fn all_faults_are_found_at_once() {
    let all = faults(|s| {
        s.backup.as_mut().unwrap().command.clear();
        s.backup.as_mut().unwrap().container = Some("x".into());
        s.storage.path = "x".into();
        s.compression = Some(Compression {
            algorithm: Algorithm::Gzip,
            level: Some(10),
            window_log: None,
        });
        s.encryption = encrypted(&["x"], false);
    });
    assert_eq!(all.len(), 6, "{all:#?}");
}

#[test]
fn a_run_that_only_restores_owns_no_object() {
    let mut spec = restore_only_run().spec;
    spec.retain_policy = Some(RetainPolicy::Delete);
    let all = validate(&spec).unwrap_err();
    assert_eq!((all.len(), all[0].field.as_str()), (1, "spec.retainPolicy"));
    let valid = validate(&restore_only_run().spec).unwrap();
    assert_eq!(
        (valid.backup_container, valid.restore_container.as_deref()),
        (None, Some("main"))
    );
}

#[test]
fn a_level_is_resolved_or_refused_with_the_range() {
    let cases = [
        (Algorithm::Gzip, None, Ok(6)),
        (Algorithm::Gzip, Some(0), Ok(6)),
        (Algorithm::Gzip, Some(-1), Ok(6)),
        (Algorithm::Gzip, Some(-2), Ok(6)),
        (Algorithm::Gzip, Some(1), Ok(1)),
        (Algorithm::Gzip, Some(9), Ok(9)),
        (Algorithm::Gzip, Some(10), Err("1 to 9")),
        (Algorithm::Gzip, Some(-3), Err("1 to 9")),
        (Algorithm::Zstd, None, Ok(3)),
        (Algorithm::Zstd, Some(1), Ok(1)),
        (Algorithm::Zstd, Some(19), Ok(19)),
        (Algorithm::Zstd, Some(0), Err("1 to 19")),
        (Algorithm::Zstd, Some(20), Err("1 to 19")),
    ];
    for (algorithm, level, wanted) in cases {
        match (compressed(algorithm, level), wanted) {
            (Ok(valid), Ok(level)) => assert_eq!(valid.compression.map(|c| c.level), Some(level)),
            (Err(faults), Err(words)) => assert!(faults[0].to_string().contains(words), "{faults:?}"),
            (got, wanted) => panic!("{algorithm:?} {level:?}: {got:?}, wanted {wanted:?}"),
        }
    }
}

fn typed(spec: &mut BackupRunSpec) {
    let key = spec.encryption.as_mut().and_then(|e| e.decryption_key.as_mut());
    key.unwrap().key_type = Some(KeyType::Passphrase);
}

#[test]
fn what_only_restores_needs_no_recipient_and_may_have_a_passphrase() {
    let mut spec = restore_only_run().spec;
    spec.encryption = encrypted(&[], true);
    assert!(validate(&spec).is_ok());
    typed(&mut spec);
    assert!(validate(&spec).is_ok());
    let all = faults(|spec| {
        spec.encryption = encrypted(&[AGE], true);
        typed(spec);
    });
    assert!(
        all.len() == 1 && all[0].starts_with("spec.encryption.decryptionKey.type: Passphrase opens"),
        "{all:?}"
    );
}

#[test]
fn a_window_is_of_zstd_and_as_large_as_zstd_reads() {
    for (algorithm, window_log, good) in [
        (Algorithm::Zstd, None, true),
        (Algorithm::Zstd, Some(10), true),
        (Algorithm::Zstd, Some(31), true),
        (Algorithm::Zstd, Some(9), false),
        (Algorithm::Zstd, Some(32), false),
        (Algorithm::Zstd, Some(-27), false),
        (Algorithm::Gzip, None, true),
        (Algorithm::Gzip, Some(27), false),
    ] {
        let mut spec = restore_only_run().spec;
        spec.compression = Some(Compression {
            algorithm,
            level: None,
            window_log,
        });
        match validate(&spec) {
            Ok(valid) => {
                let found = valid.compression.unwrap().window_log;
                assert!(good && found.map(i32::try_from) == window_log.map(Ok), "{window_log:?}");
            }
            Err(faults) => {
                assert!(!good && faults.len() == 1, "{faults:?}");
                assert_eq!(faults[0].field, "spec.compression.windowLog");
                assert!(
                    faults[0].to_string().contains("must be 10 to 31, with algorithm: zstd"),
                    "{faults:?}"
                );
            }
        }
    }
}

#[test]
fn a_path_leads_to_one_object_below_the_root() {
    let long = format!("/{}", "a".repeat(999));
    for (rendered, path) in [
        ("/a", "/a"),
        ("/a/b.sql", "/a/b.sql"),
        (" /a \n", "/a"),
        ("/..a/b..", "/..a/b.."),
        ("/ä b", "/ä b"),
        ("/a\\b", "/a\\b"),
        ("/a\\..b\\", "/a\\..b\\"),
        (long.as_str(), &long),
    ] {
        assert_eq!(check_path(rendered).as_deref(), Ok(path));
    }
    let cases = [
        ("", "begin with /"),
        ("a", "begin with /"),
        ("/", "names no object"),
        ("/a/", "names no object"),
        ("//a", "//"),
        ("/a//b", "//"),
        ("/./a", "\".\""),
        ("/a/..", "\"..\""),
        ("/../a", "\"..\""),
        // Some stores take it for a slash.
        ("/a\\..\\b", "\"..\""),
        ("/a/..\\b", "\"..\""),
        ("/.\\a", "\".\""),
        ("/.backup-operator\\records\\x\\-\\y.json", "leads into it"),
        ("/a\\.backup-operator/x", "leads into it"),
        ("/a\nb", "control character '\\n'"),
        ("/a\u{0}", "control character"),
        ("/a\u{85}b", "control character"),
    ];
    for (rendered, words) in cases {
        let error = check_path(rendered).unwrap_err();
        assert!(error.contains(words), "{rendered:?}: {error}");
    }
    let error = check_path(&format!("{long}a")).unwrap_err();
    assert!(error.contains("1001 bytes") && error.len() < 200, "{error}");
}

#[test]
fn a_path_is_rendered_at_the_time_in_utc() {
    let mut spec = backup_run().spec;
    spec.storage.path = api::run::DEFAULT_PATH.into();
    let at = |time: &str| Context {
        data: sample().data,
        ..Context::utc(time.parse().unwrap())
    };
    let now = at("2026-11-24T23:30:00+02:00");
    assert_eq!(
        validate(&spec).unwrap().render_path(&now).as_deref(),
        Ok("/example/example-0-20261124-213000.backup")
    );
    // Right at most times, and not at this one.
    spec.storage.path = "/{{ ternary \"a\" \"..\" (lt now.Year 2027) }}".into();
    let valid = validate(&spec).unwrap();
    assert!(valid.render_path(&now).is_ok());
    assert!(valid.render_path(&at("2027-01-01T00:00:00Z")).is_err());
}
