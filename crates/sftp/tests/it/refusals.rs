//! What is wrong is said in words, by the first line that the program writes.
use serde_json::{Value, json};

use super::server::Sftp;

fn hint(said: &str) -> String {
    said.split_once("instead: ").map_or("", |(_, rest)| rest).to_owned()
}

#[test]
fn a_login_or_a_host_that_is_another_one_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let server = Sftp::start("proftpd", folder.path(), &[]);
    let other = tempfile::tempdir().unwrap();
    let stranger = Sftp::start("openssh", other.path(), &[]);
    let strangers_key = std::fs::read_to_string(stranger.folder.join("user")).unwrap();
    let print = "SHA256:UCUiLr7Pjs9wFFJMDByLgc3NrtdU344OgUM45wZPcIQ";
    let null = Value::Null;
    for (ask, why, words) in [
        (
            json!({ "hostKey": stranger.host_key() }),
            "denied",
            "proved another key than the one in hostKey: SHA256:",
        ),
        (
            json!({ "hostKey": print }),
            "denied",
            "proved another key than the one in hostKey: SHA256:",
        ),
        (json!({ "hostKey": "x" }), "invalid", "must be a line of OpenSSH"),
        (
            json!({ "privateKey": strangers_key }),
            "denied",
            "refuses the private key of user backup; it takes: ",
        ),
        (
            json!({ "privateKey": null, "password": "wrong" }),
            "denied",
            "refuses the password of user backup",
        ),
        (
            json!({ "privateKey": null }),
            "invalid",
            "neither a password nor a private key",
        ),
        (json!({ "user": "nobody" }), "denied", "of user nobody"),
        (
            json!({ "host": "127.0.0.1", "port": 1 }),
            "unreachable",
            "backup@127.0.0.1:1",
        ),
        (json!({ "path": "/proc/none" }), "", "make the folder /proc/none"),
    ] {
        let said = server.depot(ask.clone()).refused();
        assert!(
            said.contains(why) && said.contains(words),
            "{ask}: {said}{}",
            hint(&said)
        );
        assert!(!said.contains("wrong\""), "a secret is shown: {said}");
    }
    let _ = null;
}

#[test]
fn a_password_and_a_fingerprint_open_what_they_belong_to() {
    let folder = tempfile::tempdir().unwrap();
    let server = Sftp::start("proftpd", folder.path(), &[]);
    let refused = server
        .depot(json!({ "hostKey": "SHA256:UCUiLr7Pjs9wFFJMDByLgc3NrtdU344OgUM45wZPcIQ" }))
        .refused();
    let seen = refused
        .split_once("hostKey: ")
        .unwrap()
        .1
        .split_once(". If")
        .unwrap()
        .0
        .to_owned();
    let ask = json!({ "hostKey": seen, "privateKey": null, "password": "secretpass" });
    server.depot(ask).up();
}

#[test]
fn a_server_that_cannot_rename_over_a_file_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let server = Sftp::start("proftpd", folder.path(), &[("MORE", "SFTPExtensions -posixRename")]);
    let said = server.depot(json!({})).refused();
    assert!(
        said.contains("unfit") && said.contains("posix-rename@openssh.com") && said.contains("s3, azure"),
        "{said}"
    );
    // Without the others it is served.
    let folder = tempfile::tempdir().unwrap();
    let server = Sftp::start(
        "proftpd",
        folder.path(),
        &[("MORE", "SFTPExtensions -fsync -statvfs -homeDirectory -hardlink")],
    );
    server.depot(json!({})).up();
}
