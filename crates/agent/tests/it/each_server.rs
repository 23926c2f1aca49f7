//! What the agent must be able to do with every server: back up, restore over a connection that breaks, and leave what the
//! operator can delete. `make test` has the servers that are had quickly, `make test-stores` (feature `all-servers`) all.
use std::fs;

use super::real::*;
use super::rig::*;
use protocol::{Action, Outcome};
use servers::{Cut, LateParts, Versions, server};
use store::{Checksum, composite_sha256};

/// Three parts, and a restore of them that is cut in the second.
const SIZE: usize = 13 << 20;
const CUT: u64 = 6 << 20;

fn a_backup_comes_back_over_a_cut_and_goes_for_good(folder: &str) {
    let mut real = Real::start(folder);
    let versions = real.running.server.versions == Versions::Kept;
    assert!(!versions || real.keeps_versions());

    let failed = real.run(&Rig::new(), real_parts(backup(sh("head -c 9000000 /dev/zero; exit 9"))));
    assert_eq!(failed.outcome, Outcome::CommandFailed { code: 9 });
    assert!(real.head().is_none(), "a failed backup leaves an object");

    let bytes = noise(SIZE);
    let rig = Rig::new();
    fs::write(rig.path("in"), &bytes).unwrap();
    let from = words(&["cat", rig.path("in").to_str().unwrap()]);
    let report = real.run(&rig, real_parts(backup(from)));
    done(&report);
    assert_eq!(report.parts.len(), 3);
    let object = real.head().unwrap();
    assert_eq!((object.size, &object.metadata), (report.stored_bytes, &metadata()));
    assert_eq!((report.stored_bytes, &report.sha256), (SIZE as u64, &sha256(&bytes)));
    let composite = composite_sha256(report.parts.iter().map(|p| p.checksum.as_str()));
    let told = real.checksum == Checksum::Sha256 && object.checksum_sha256 == Some(composite);
    assert_eq!(told, real.running.server.composite);

    let cut = Cut::before(&real.running.address, CUT);
    real.read_at(&cut.address);
    let rig = Rig::new();
    done(&real.run(&rig, back(&rig, &report, object.etag.clone())));
    assert!(fs::read(rig.path("out")).unwrap() == bytes, "other bytes came back");
    assert!(cut.connections() > 1, "nothing was cut");

    // The next backup of the same path, put whole; then rotation takes the first one away, and a crash has it taken away again.
    let next = real.run(&Rig::new(), real_parts(backup(sh("echo next"))));
    done(&next);
    let newest = real.head().unwrap();
    assert_eq!(newest.size, 5);
    if versions {
        let (old, new) = (object.version_id.unwrap(), newest.version_id.unwrap());
        for _ in 0..2 {
            real.wait(real.store.remove(KEY, Some(&old))).unwrap();
        }
        assert_eq!(real.wait(real.store.look(KEY, Some(&old))).unwrap(), None);
        assert_eq!(real.head().unwrap().version_id.as_ref(), Some(&new));
        real.wait(real.store.remove(KEY, Some(&new))).unwrap();
        assert_eq!(real.wait(real.store.versions("")).unwrap(), []);
    } else {
        for _ in 0..2 {
            real.wait(real.store.remove(KEY, None)).unwrap();
        }
    }
    assert!(real.head().is_none());
    assert_eq!(real.wait(real.store.keys("")).unwrap(), Vec::<String>::new());
}

/// Some answer before they have read such a part, and close: who stops at the failed write never hears why, and tries again.
fn what_a_store_says_before_it_has_read_a_part_is_heard(folder: &str) {
    let late = server(folder).late_parts;
    if late == LateParts::Failed {
        // Waited after until the agent gives up, as after any failure of a store.
        return;
    }
    let real = Real::start(folder);
    let upload = real.create();
    real.wait(real.store.drop_upload(KEY, &upload)).unwrap();
    for _ in 0..3 {
        // Two parts, in flight at once, each of them more than the sockets between hold.
        let mut job = backup(sh("head -c 33554432 /dev/zero"));
        if let Action::Backup { plan, .. } = &mut job.action {
            plan.smallest = 16 << 20;
        }
        let (report, _) = real.serve(&Rig::new(), job, Some(upload.clone()));
        match report.outcome {
            Outcome::Done => assert_eq!(late, LateParts::Taken),
            Outcome::TransferFailed { message, .. } => {
                assert!(
                    late == LateParts::Refused && message.starts_with("the store answered 40"),
                    "{message}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

mod backs_up_restores_and_rotates {
    servers::each_server!(crate::each_server::a_backup_comes_back_over_a_cut_and_goes_for_good);
}

mod is_heard_before_it_has_read_a_part {
    servers::each_server!(crate::each_server::what_a_store_says_before_it_has_read_a_part_is_heard);
}
