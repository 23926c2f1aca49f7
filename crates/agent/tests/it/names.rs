//! Names are resolved without what the image's /etc/nsswitch.conf asks for.
use std::fs;
use std::process::Command;

use super::rig::*;
use super::store::Store;
use protocol::{Secret, ToAgent};

/// In a mount namespace of its own, /etc/nsswitch.conf names a module that does not exist and nothing else: with it no
/// name would be found, and a static program would try to load the module.
#[test]
fn the_images_name_service_switch_is_not_asked() {
    let (rig, store) = (Rig::new(), Store::new());
    fs::write(rig.path("nsswitch.conf"), "hosts: nosuchmodule\n").unwrap();
    let inner = rig.command("backup-1", "uid");
    let mut command = Command::new("unshare");
    // As root a mount namespace is enough; otherwise a user namespace comes with it.
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    let script = format!(
        "mount --bind {} /etc/nsswitch.conf && exec \"$@\"",
        rig.path("nsswitch.conf").display()
    );
    command
        .args(["--mount", "sh", "-c", &script, "sh"])
        .arg(inner.get_program())
        .args(inner.get_args());
    let mut link = Link::start(&mut command);
    link.greet();
    link.say(&ToAgent::Start(Box::new(backup(sh(
        "getent hosts localhost >&2; echo x",
    )))));
    let request = link.request();
    let (url, headers) = store.sign(&request);
    link.say(&ToAgent::Url {
        request,
        url: Secret::new(url.replace("127.0.0.1", "localhost")),
        headers: headers.into(),
    });
    let report = link.serve(&store);
    done(&report);
    assert_eq!(store.object().unwrap(), b"x\n");
    // The command itself sees the image's configuration, so it was in force.
    assert_eq!(report.stderr, "", "the bind mount was not there");
}
