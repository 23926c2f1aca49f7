//! Which time zones there are does not depend on the machine: a schedule that one image takes, every image takes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use std::path::{Path, PathBuf};
use std::process::Command;

/// A zone that is 14 hours ahead for ever, as a compiled file (RFC 8536, version 1).
const AHEAD: &[u8] = b"TZif\0\0\0\0\0\0\0\0\0\0\0\0\
    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x04\
    \0\0\xc4\xe0\0\0+14\0";

/// A folder of zones as machines have them, but with other zones.
struct Zoneinfo(PathBuf);

impl Zoneinfo {
    fn with(names: &[&str]) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("zones-{}", std::process::id()));
        for name in names {
            let file = folder.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, AHEAD).unwrap();
        }
        Self(folder)
    }
}

impl Drop for Zoneinfo {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn tick(zone: &str, zoneinfo: &Zoneinfo) -> Result<String, String> {
    let out = Command::new(env!("CARGO_BIN_EXE_kubectl-backup"))
        .args(["preview", "--schedule", "@daily", "--count", "1"])
        .args(["--at", "2026-11-24T12:00:00Z", "--time-zone", zone])
        .env("TZDIR", &zoneinfo.0)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    match out.status.success() {
        true => Ok(text(out.stdout)),
        false => Err(text(out.stderr)),
    }
}

#[test]
fn zones_are_those_that_are_built_in_whatever_the_machine_has() {
    let zoneinfo = Zoneinfo::with(&["Europe/Berlin", "Mars/Base", "posixrules", "localtime"]);
    assert_eq!(
        tick("Europe/Berlin", &zoneinfo).as_deref(),
        Ok("2026-11-25T00:00:00+01:00\n")
    );
    // One that the machine does not have, and one of its own.
    assert_eq!(
        tick("America/New_York", &zoneinfo).as_deref(),
        Ok("2026-11-25T00:00:00-05:00\n")
    );
    for own in ["Mars/Base", "posixrules", "localtime", "Local"] {
        assert!(tick(own, &zoneinfo).is_err_and(|said| said.contains(own)), "{own}");
    }
}
