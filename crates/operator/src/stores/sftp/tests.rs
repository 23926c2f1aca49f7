//! The program itself, before a real server.
use std::path::Path;
use std::process::Command;

use servers::{SFTP_PASSWORD, SftpServer};
use store::{Kind, Parameters, Proxies, Store};

use super::*;

fn program() -> PathBuf {
    let named = std::env::var("SFTP_PROFTPD_BIN");
    PathBuf::from(named.expect("SFTP_PROFTPD_BIN is not set: run `dev/s3-server sftp-proftpd`, or `make test`"))
}

fn parameters(server: &SftpServer, path: &str) -> SftpParameters {
    let (port, key) = (server.port.to_string(), server.host_key());
    let all = [
        ("host", "127.0.0.1"),
        ("port", &port),
        ("user", "backup"),
        ("hostKey", &key),
        ("path", path),
    ];
    let all = all.map(|(name, value)| (name.to_owned(), value.to_owned()));
    match Parameters::parse(Kind::Sftp, &all.into()) {
        Ok(Parameters::Sftp(parameters)) => parameters,
        other => panic!("{other:?}"),
    }
}

fn login(password: &str) -> Login {
    Login {
        password: Some(Secret::new(password)),
        private_key: None,
        passphrase: None,
    }
}

async fn probed(parameters: &SftpParameters, serving: Serving) {
    let served = parameters.served_at(serving.address).unwrap();
    let store = Store::open(&served, serving.credentials, &Proxies::default()).unwrap();
    let found = store.probe("", "probe", served.checksum()).await.unwrap();
    assert!(found.enforced && found.metadata && found.composite_checksum && found.if_none_match && found.deletable);
}

/// Its children that run.
fn children(program: &Path) -> Vec<i32> {
    let name = program.file_name().unwrap().to_str().unwrap();
    let own = std::process::id().to_string();
    let said = Command::new("pgrep").args(["-x", "-P", &own, name]).output().unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_served_by_one_program_which_is_begun_again_and_ends_with_its_storage() {
    let folder = tempfile::tempdir().unwrap();
    let server = SftpServer::start("proftpd", folder.path(), &[]);
    let (program, parameters) = (program(), parameters(&server, "deep/store"));
    let servers = Servers::of(program.clone());
    let serve = |password| {
        let login = login(password);
        let (servers, parameters) = (&servers, &parameters);
        async move { servers.serve("uid-1", parameters, &login).await }
    };
    let (one, other) = tokio::join!(serve(SFTP_PASSWORD), serve(SFTP_PASSWORD));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.address, other.address);
    assert_eq!(one.credentials, other.credentials);
    probed(&parameters, one).await;
    let running = children(&program);
    assert_eq!(running.len(), 1);
    // Killed, as by the kernel for its memory.
    let killed = Command::new("kill").args(["-KILL", &running[0].to_string()]).status();
    assert!(killed.unwrap().success());
    let again = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            match serve(SFTP_PASSWORD).await {
                Ok(serving) if children(&program) != running && !children(&program).is_empty() => return serving,
                _ => tokio::task::yield_now().await,
            }
        }
    });
    let again = again.await.unwrap();
    assert_eq!(
        again.address, other.address,
        "transfers that are under way find it where it was"
    );
    assert_eq!(again.credentials, other.credentials);
    probed(&parameters, again).await;
    // Another password is another login.
    let refused = serve("wrong-password").await.err().unwrap();
    assert_eq!(refused.reason(), Reason::ProbeDenied);
    let words = refused.to_string();
    assert!(
        words.contains("refuses the password of user backup") && !words.contains("wrong-password"),
        "{words}"
    );
    let lease = server.home().join("deep/store/.lease");
    probed(&parameters, serve(SFTP_PASSWORD).await.unwrap()).await;
    let is_held = || std::fs::read_to_string(&lease).is_ok_and(|text| text.trim_end() != "free");
    assert!(is_held());
    servers.forget("uid-1");
    let gone = tokio::time::timeout(Duration::from_secs(60), async {
        while is_held() || !children(&program).is_empty() {
            tokio::task::yield_now().await;
        }
    });
    gone.await.unwrap();
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let server = SftpServer::start("proftpd", folder.path(), &[]);
    let servers = Servers::of(PathBuf::from("/nowhere/sftp"));
    let refused = servers
        .serve("u", &parameters(&server, "x"), &login("p"))
        .await
        .err()
        .unwrap();
    assert_eq!(refused.reason(), Reason::StoreUnreachable);
    assert!(refused.to_string().starts_with("/nowhere/sftp: "), "{refused}");
}
