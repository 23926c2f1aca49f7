//! docs/getting-started.md, as a newcomer follows it: every block of it is run in its order, and what it says that they print is what they print. Then the
//! operator is removed as install.md says, and the store that holds the backups is not.
use std::path::Path;
use std::process::Command;

use api::labels;
use e2e::cluster::{annotate, delete};
use e2e::kubectl::{kubectl, said};
use e2e::{Case, install, operator, serial_case};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, PersistentVolumeClaim, Secret};
use kube::Api;

use super::alone;
use super::store::{self, LOCAL, STORE};

const PAGE: &str = "docs/getting-started.md";
/// How it is removed and everything kept.
const REMOVING: &str = "docs/operations/install.md";
/// Kinds that the operator is made of, but those of data.
const OWN: &str = "deployment,service,poddisruptionbudget,networkpolicy,role,rolebinding,serviceaccount,clusterrole,clusterrolebinding,\
    validatingwebhookconfiguration,validatingadmissionpolicy,validatingadmissionpolicybinding";
/// What the page makes, and takes away at its end.
const NAMESPACE: &str = "getting-started";
/// What a newcomer does otherwise than the tests: the image is loaded and pushed nowhere, and the command line is built already. Nothing else is changed.
const INSTEAD: [(&str, &str); 2] = [
    (
        "registry.example/backup-operator:0.1.0",
        "localhost/backup-operator:dev",
    ),
    ("$(make -s cli)", "$CLI_BIN"),
];

/// A block of the page, and what it is said to print.
#[derive(Debug, PartialEq, Eq)]
struct Block {
    commands: String,
    prints: Vec<String>,
}

/// The blocks of `sh`, each with the block of `text` that follows it before the next one.
fn blocks(page: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut inside: Option<&str> = None;
    for line in page.lines() {
        match (inside, line.strip_prefix("```")) {
            (None, Some(kind)) => {
                inside = Some(kind);
                if kind == "sh" {
                    found.push(Block {
                        commands: String::new(),
                        prints: Vec::new(),
                    });
                }
            }
            (Some(_), Some("")) => inside = None,
            (Some("sh"), _) => found.last_mut().unwrap().commands += &format!("{line}\n"),
            (Some("text"), _) => found
                .last_mut()
                .expect("commands before what they print")
                .prints
                .push(line.into()),
            _ => {}
        }
    }
    found
}

/// Whether a line is as the page has it, where `...` stands for anything. Spaces around a line are nobody's.
fn is_as(pattern: &str, line: &str) -> bool {
    let (pattern, mut rest) = (pattern.trim(), line.trim());
    let parts: Vec<&str> = pattern.split("...").collect();
    for (at, part) in parts.iter().enumerate() {
        let place = match at {
            0 => rest.starts_with(part).then_some(0),
            _ if at + 1 == parts.len() => rest.ends_with(part).then(|| rest.len() - part.len()),
            _ => rest.find(part),
        };
        let Some(place) = place else { return false };
        rest = &rest[place + part.len()..];
    }
    parts.len() > 1 || rest.is_empty()
}

/// Every line of the page is there, in its order; others may stand between.
fn holds(block: &Block, printed: &str) {
    let mut lines = printed.lines();
    for wanted in block.prints.iter().filter(|line| !line.trim().is_empty()) {
        assert!(
            lines.any(|line| is_as(wanted, line)),
            "{PAGE} says that\n{}prints {wanted:?}, and it printed\n{printed}",
            block.commands
        );
    }
}

fn run(block: &Block, home: &Path) -> String {
    let commands = INSTEAD
        .iter()
        .fold(block.commands.clone(), |text, (is, instead)| text.replace(is, instead));
    let program = std::env::var("KUBECTL").expect("KUBECTL is not set: run `make test`");
    let bin = home.join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let wrapper = bin.join("kubectl");
    // The page writes into the home; the program that stands for kubectl finds its cluster by the true one.
    let own = std::env::var("HOME").unwrap_or_default();
    std::fs::write(&wrapper, format!("#!/bin/sh\nHOME='{own}' exec '{program}' \"$@\"\n")).unwrap();
    std::fs::set_permissions(&wrapper, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{}:{path}", bin.display(), home.join(".local/bin").display());
    let mut shell = Command::new("bash");
    shell
        .args(["-euo", "pipefail", "-c", &commands])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .env("HOME", home)
        .env("PATH", path);
    let (ok, printed) = said(&mut shell, "");
    assert!(ok, "{PAGE} has\n{commands}which failed:\n{printed}");
    printed
}

fn page(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

/// What is the operator's own goes, and neither a kind nor the claim with the backups.
async fn removed_and_all_kept(case: &Case, home: &Path) {
    let blocks = blocks(&page(REMOVING));
    let keeps = |block: &&Block| block.commands.contains("delete deployment,");
    run(blocks.iter().find(keeps).expect("how everything is kept"), home);
    let ours = format!("app.kubernetes.io/name={}", operator::NAMESPACE);
    let (ok, left) = kubectl(&["get", OWN, "-A", "-l", &ours, "-o", "name"], "");
    assert!(ok && left.trim().is_empty(), "{left}");
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(case.client().clone(), operator::NAMESPACE);
    let claim = claims.get(STORE).await.expect("the store's claim");
    assert_eq!(claim.metadata.deletion_timestamp, None);
    let stores: Api<Deployment> = Api::namespaced(case.client().clone(), operator::NAMESPACE);
    case.wait("the store is ready", 30, || async {
        let store = stores.get(STORE).await.expect("the store");
        (store.status?.ready_replicas == Some(1)).then_some(())
    })
    .await;
    case.storages().get(LOCAL).await.expect("the kind, and the storage");
}

/// A store that another installation has brought up has keys of its own, which the page makes anew.
async fn without_keys(case: &Case) {
    let secrets: Api<Secret> = Api::namespaced(case.client().clone(), operator::NAMESPACE);
    let deployments: Api<Deployment> = Api::namespaced(case.client().clone(), operator::NAMESPACE);
    delete(&deployments, STORE).await;
    delete(&secrets, STORE).await;
    case.wait("the keys of an earlier store are gone", 60, || async {
        let keys = secrets.get_opt(STORE).await.ok()?;
        let store = deployments.get_opt(STORE).await.ok()?;
        (keys.is_none() && store.is_none()).then_some(())
    })
    .await;
}

#[test]
fn a_newcomer_restores_by_the_page_alone() {
    serial_case(alone(), "getting-started", |case| async move {
        operator::fresh(case.client()).await;
        let lacks = store::lacks(&case).await;
        let work = async {
            if lacks.volumes {
                store::volume(&case).await;
            }
            without_keys(&case).await;
            let home = tempfile::tempdir().expect("a folder");
            let blocks = blocks(&page(PAGE));
            assert!(blocks.len() > 8, "{PAGE} has {} blocks", blocks.len());
            for block in &blocks {
                let printed = run(block, home.path());
                holds(block, &printed);
            }
            removed_and_all_kept(&case, home.path()).await;
        };
        let between = async {
            let namespaces: Api<Namespace> = Api::all(case.client().clone());
            delete(&namespaces, NAMESPACE).await;
            case.wait("the page's namespace is gone", 120, || async {
                namespaces.get_opt(NAMESPACE).await.ok()?.is_none().then_some(())
            })
            .await;
            if lacks.storage && case.storages().get_opt(LOCAL).await.expect("the storages").is_some() {
                annotate(&case.storages(), LOCAL, labels::DELETION_PROTECTION, None).await;
                delete(&case.storages(), LOCAL).await;
            }
            if lacks.claim {
                // All that the page has brought up, and nothing of a store that was there before.
                let made = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/store.yaml");
                let (_, printed) = kubectl(&["delete", "-f", made, "--ignore-not-found", "--wait=false"], "");
                println!("{printed}");
            }
            store::removed(&case, &lacks).await;
        };
        install::restored_after(case.client(), work, between).await;
    });
}

#[test]
fn what_a_page_prints_belongs_to_the_commands_before_it() {
    let page = "```sh\na\n```\nwords\n```text\nx ... y\n```\n```yaml\nno: 1\n```\n```sh\nb\nc\n```\n";
    let wanted = [
        Block {
            commands: "a\n".into(),
            prints: vec!["x ... y".into()],
        },
        Block {
            commands: "b\nc\n".into(),
            prints: Vec::new(),
        },
    ];
    assert_eq!(blocks(page), wanted);
}

#[test]
fn dots_stand_for_what_is_another_each_time() {
    for (pattern, line, is) in [
        (
            "BackupSuccessful in ...: ... stored",
            "BackupSuccessful in 1s: 8 KiB stored",
            true,
        ),
        ("run/a-... created", "run/a-17 created", true),
        ("run/a-... created", "run/a-17 created twice", false),
        (" count |  sum", " count |  sum   ", true),
        ("well", "well: 1 schedule", false),
    ] {
        assert_eq!(is_as(pattern, line), is, "{pattern:?} {line:?}");
    }
}
