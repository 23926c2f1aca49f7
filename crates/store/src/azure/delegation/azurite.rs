//! A workload identity's way against Azurite, which knows tokens over TLS alone, and of a SAS with bound headers nothing: its own requests,
//! the delegation key, and URLs to read. What a Pod writes with is held to its string to sign in `tests.rs`.
use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use rcgen::{CertificateParams, KeyPair};
use servers::{Entra, FEDERATED, Program, SECRET_KEY, account_key, azure_request, free_port, program, server};

use crate::azure::{ANSWER, Auth, Container};
use crate::checksum::Checksum;
use crate::credentials::Azure;
use crate::error::StoreErrorKind;
use crate::identity::Identity;
use crate::kind::Kind;
use crate::parameters::{AzureParameters, Parameters};
use crate::proxy::Proxies;
use crate::wanted::Wanted;

const ACCOUNT: &str = "backupoperator";
/// Until Node has begun.
const READY: Duration = Duration::from_secs(60);

struct Secure {
    port: u16,
    pem: String,
    _azurite: Program,
    folder: tempfile::TempDir,
}

fn azurite(name: &str, port: u16, more: &[String], folder: &std::path::Path) -> Program {
    let main = program(server("azurite")).join("node_modules/azurite/dist/src/blob/main.js");
    let own = [
        main.to_str().unwrap(),
        "--blobHost",
        "127.0.0.1",
        "--blobPort",
        &port.to_string(),
        "--location",
        folder.join("data").to_str().unwrap(),
        "--skipApiVersionCheck",
        "--disableTelemetry",
        "--silent",
    ]
    .map(str::to_owned);
    let accounts = format!("{ACCOUNT}:{}", account_key(SECRET_KEY));
    let arguments = [&own[..], more].concat();
    Program::start(
        name,
        "node".as_ref(),
        &arguments,
        &[("AZURITE_ACCOUNTS", &accounts)],
        folder,
    )
}

/// With a container that the account's owner has made, over plain HTTP.
fn secure() -> Secure {
    let folder = tempfile::tempdir().unwrap();
    let (plain, port) = (free_port(), free_port());
    let first = azurite("plain", plain, &[], folder.path());
    let until = Instant::now() + READY;
    let make = || {
        azure_request(
            &format!("127.0.0.1:{plain}"),
            ACCOUNT,
            "PUT",
            "/backups",
            &[("restype", "container")],
            &[],
            b"",
        )
    };
    while make().is_none_or(|answer| answer.status != 201) {
        assert!(Instant::now() < until, "{}", first.tail());
        std::thread::sleep(Duration::from_millis(50));
    }
    first.end();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let pem = certificate.self_signed(&key).unwrap().pem();
    let (cert, private) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    fs::write(&cert, &pem).unwrap();
    fs::write(&private, key.serialize_pem()).unwrap();
    let tls = [
        "--oauth",
        "basic",
        "--cert",
        cert.to_str().unwrap(),
        "--key",
        private.to_str().unwrap(),
    ];
    Secure {
        _azurite: azurite("secure", port, &tls.map(str::to_owned), folder.path()),
        port,
        pem,
        folder,
    }
}

impl Secure {
    fn parameters(&self) -> Parameters {
        let all = [
            ("container", "backups".to_owned()),
            ("account", ACCOUNT.to_owned()),
            ("endpoint", format!("https://127.0.0.1:{}/{ACCOUNT}", self.port)),
            ("caBundle", self.pem.clone()),
        ];
        let all = all.map(|(name, value)| (name.to_owned(), value));
        Parameters::parse(Kind::Azure, &all.into()).unwrap()
    }
}

fn azure(parameters: &Parameters) -> &AzureParameters {
    match parameters {
        Parameters::Azure(azure) => azure,
        other => panic!("{other:?}"),
    }
}

fn identity(variables: &BTreeMap<String, String>) -> Identity {
    let variables = variables.clone();
    Identity::new(move |name| variables.get(name).cloned(), Proxies::default())
}

#[tokio::test]
async fn an_operator_without_keys_works_by_its_token_and_lets_pods_read_by_a_delegation_key() {
    let (secure, entra) = (secure(), Entra::start());
    let file = secure.folder.path().join("token");
    fs::write(&file, FEDERATED).unwrap();
    let parameters = secure.parameters();
    let mut variables = entra.variables(file.to_str().unwrap());
    let foreign = identity(&variables)
        .credentials(&parameters, None, Timestamp::now())
        .await;
    let said = foreign.unwrap_err().to_string();
    assert!(said.contains("no host of Azure's") && entra.asked() == 0, "{said}");

    variables.insert("AZURE_STORAGE_HOSTS".into(), "127.0.0.1".into());
    let identity_of = identity(&variables);
    let ask = || identity_of.credentials(&parameters, None, Timestamp::now());
    let credentials = ask().await.unwrap().credentials;
    assert!(matches!(credentials.azure(), Some(Azure::Token(_))) && credentials.expires().is_some());
    assert_eq!(
        (ask().await.unwrap().credentials, entra.asked()),
        (credentials.clone(), 1),
        "it is held"
    );
    let container = Container::open(azure(&parameters), credentials, &Proxies::default()).unwrap();

    let until = Instant::now() + READY;
    while let Err(error) = container.look("a/b", None).await {
        assert!(error.passes() && Instant::now() < until, "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    container.write("a/b +", b"0123456789".to_vec()).await.unwrap();
    assert_eq!(container.read("a/b +", None, Some((1, 3))).await.unwrap(), b"123");
    assert_eq!(container.keys("a/").await.unwrap(), ["a/b +"]);

    let now = Timestamp::now();
    let signed = container.sign(&Wanted::read("a/b +", None), ANSWER, now).await.unwrap();
    assert!(signed.headers.is_empty() && signed.url.reveal().contains("?sv=2021-12-02&sr=b&sp=r&"));
    let get = container
        .exchange("read", http::Method::GET, &signed, Bytes::new(), ANSWER)
        .await;
    assert_eq!(get.unwrap().body, b"0123456789"[..]);
    for verb in [http::Method::DELETE, http::Method::PUT] {
        let refused = container.exchange("delete", verb, &signed, Bytes::new(), ANSWER).await;
        assert!(matches!(
            refused.err().unwrap().kind(),
            StoreErrorKind::AccessDenied | StoreErrorKind::Refused
        ));
    }

    let upload = container.begin().unwrap();
    let digest = Checksum::Md5.digest(b"right");
    let part = Wanted::part("k", &upload, 1, 5, Checksum::Md5, &digest);
    let signed = container.sign(&part, ANSWER, now).await.unwrap();
    assert!(signed.url.reveal().contains("&srh=content-md5&srq=blockid,comp&sig="));
    let unbound = Wanted::part("k", &upload, 1, 5, Checksum::None, "");
    assert_eq!(
        container.sign(&unbound, ANSWER, now).await.unwrap_err().kind(),
        StoreErrorKind::Configuration
    );
    let Auth::Token(token) = &*container.auth else { panic!() };
    let (one, two) = tokio::join!(container.delegation(token, now), container.delegation(token, now));
    assert!(std::sync::Arc::ptr_eq(&one.unwrap(), &two.unwrap()), "one key for all");
    container.remove("a/b +", None).await.unwrap();

    fs::write(&file, "another").unwrap();
    let fresh = identity(&variables);
    let said = fresh
        .credentials(&parameters, None, Timestamp::now())
        .await
        .unwrap_err()
        .to_string();
    assert!(said.contains("another subject") && !said.contains("Trace"), "{said}");
}
