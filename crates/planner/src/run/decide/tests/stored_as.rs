//! `Compressed` and `Encrypted` speak of what is stored, and of nothing else.
use super::*;

fn packed(mut run: BackupRun) -> BackupRun {
    run.spec.compression = serde_json::from_value(serde_json::json!({"algorithm": "zstd"})).unwrap();
    run.spec.encryption = serde_json::from_value(serde_json::json!({
        "recipients": ["age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa"],
        "decryptionKey": {"name": "age", "key": "identity"},
    }))
    .unwrap();
    run
}

fn says(world: &World, wanted: bool) {
    for type_ in [condition::COMPRESSED, condition::ENCRYPTED] {
        assert_eq!(world.is(type_), wanted, "{type_}");
    }
}

#[test]
fn nothing_is_called_compressed_or_encrypted_that_is_not_stored() {
    for (run, good) in [
        (packed(backup_run()), stored()),
        (
            packed(restore_only_run()),
            End::Restored {
                bytes: 3,
                log: String::new(),
            },
        ),
    ] {
        for (end, wanted) in [(failed(), false), (good, true)] {
            let mut world = World::new(run.clone());
            world.step();
            says(&world, false);
            world.pod(PodStage::Running);
            world.ended(end);
            world.step();
            says(&world, wanted);
        }
    }
}

#[test]
fn what_is_stored_as_it_was_printed_says_so() {
    let world = World::stored();
    says(&world, false);
    let status = world.status();
    let said = condition::find(&status.conditions, condition::COMPRESSED).unwrap();
    assert_eq!(said.reason, "NotAsked");
}
