//! What rooms may reach, as Cargo resolves each of them alone: features that another crate wants do not count.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// A client of a cluster.
const CLIENT: [&str; 2] = ["kube-client", "kube-runtime"];
/// Kubernetes at all.
const KUBERNETES: [&str; 3] = ["kube", "kube-core", "k8s-openapi"];
/// What waits: clients and servers of HTTP, and the runtime below them.
const ASYNC: [&str; 7] = [
    "hyper",
    "hyper-util",
    "reqwest",
    "tower",
    "tower-http",
    "tower-service",
    "tokio",
];

/// All packages that a room is built from, without those of its tests.
fn reached(room: &str) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--edges", "normal", "--prefix", "none"])
        .args(["--package", room])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "cargo tree -p {room}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let names: BTreeSet<_> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(ToString::to_string)
        .collect();
    assert!(names.contains(room), "{room}: {names:?}");
    names
}

#[test]
fn no_room_but_the_operator_and_the_command_line_reaches_a_client_of_a_cluster_and_what_is_pure_waits_for_nothing() {
    // The room, and whether it may know Kubernetes' types, and wait.
    let rooms = [
        ("api", true, false),
        ("planner", true, false),
        ("gotemplate", false, false),
        ("pipeline", false, false),
        ("protocol", false, false),
        ("trust", false, false),
        ("metrics", false, false),
        ("between", false, false),
        ("proof", false, false),
        ("agent", false, false),
        ("record", true, false),
        ("store", false, true),
        ("depot", false, true),
        ("testing", true, false),
        ("budgets", true, false),
        ("servers", false, false),
    ];
    for (room, types, waits) in rooms {
        let mut forbidden = CLIENT.to_vec();
        if !types {
            forbidden.extend(KUBERNETES);
        }
        if !waits {
            forbidden.extend(ASYNC);
        }
        let reached = reached(room);
        let wrong: Vec<_> = forbidden.into_iter().filter(|name| reached.contains(*name)).collect();
        assert!(
            wrong.is_empty(),
            "{room} reaches {wrong:?}; `cargo tree -p {room} -e normal -i {}` says by which way",
            wrong[0]
        );
    }
    // The names are those of today, or nothing would ever be found.
    let operator = reached("operator");
    let unknown: Vec<_> = [&CLIENT[..], &KUBERNETES, &["hyper", "tower", "tokio"]]
        .concat()
        .into_iter()
        .filter(|name| !operator.contains(*name))
        .collect();
    assert!(
        unknown.is_empty(),
        "nobody reaches {unknown:?} any more: are these their names?"
    );
}

/// What would let the machine say which time zones there are, and which of them is its own.
const MACHINES_ZONES: [&str; 3] = ["tzdb-zoneinfo", "tzdb-concatenated", "tz-system"];

#[test]
fn time_zones_come_with_the_program_and_never_from_the_machine() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for room in ["operator", "cli"] {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "--offline", "--locked", "--edges", "normal", "--prefix", "none"])
            .args(["--package", room, "--format", "{p} {f}"])
            .current_dir(root)
            .output()
            .unwrap();
        let packages = String::from_utf8(output.stdout).unwrap();
        let jiff = packages
            .lines()
            .find(|line| line.starts_with("jiff v"))
            .unwrap_or_default();
        let features: BTreeSet<_> = jiff.rsplit(' ').next().unwrap_or_default().split(',').collect();
        assert!(features.contains("tzdb-bundle-always"), "{room}: {jiff}");
        let wrong: Vec<_> = MACHINES_ZONES.iter().filter(|f| features.contains(*f)).collect();
        assert!(wrong.is_empty(), "{room}: something asks jiff for {wrong:?}");
    }
}
