//! A control plane without nodes, on the loopback: one etcd, and API servers on it.
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::program::{Program, free_port};

/// Until an API server is ready: one that comes up on fifty thousand runs reads them all.
const READY: Duration = Duration::from_secs(120);
/// The administrator's.
const TOKEN: &str = "scale";
/// What the API servers are known by.
const CERTIFICATE: &str = "server.crt";
/// Its key.
const KEY: &str = "server.key";
/// The key of ServiceAccounts, which nobody uses.
const PRIVATE: &str = "accounts.key";
/// Its public half.
const PUBLIC: &str = "accounts.pub";
/// Two of them stand beside each other for a while.
const MEMORY: (&str, &str) = ("GOGC", "50");
/// Bytes that etcd may keep.
const QUOTA: &str = "8589934592";

/// Where the objects are.
pub struct Etcd {
    node: PathBuf,
    folder: PathBuf,
    address: String,
    _program: Program,
}

/// Who serves them.
pub struct ApiServer {
    /// Its port on the loopback.
    pub port: u16,
    /// An administrator's.
    pub client: Client,
    program: Program,
}

impl Etcd {
    /// Starts one with nothing in it. `node` is the program that holds all of Kubernetes.
    pub fn start(node: &Path, folder: &Path) -> Self {
        let (client, peer) = (free_port(), free_port());
        let (address, peers) = (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
        let arguments = [
            format!("--data-dir={}", folder.join("data").display()),
            format!("--listen-client-urls={address}"),
            format!("--advertise-client-urls={address}"),
            format!("--listen-peer-urls={peers}"),
            format!("--initial-advertise-peer-urls={peers}"),
            format!("--initial-cluster=default={peers}"),
            format!("--quota-backend-bytes={QUOTA}"),
            // Nothing of it outlives the bench.
            "--unsafe-no-fsync".into(),
            "--log-level=warn".into(),
        ];
        fs::write(
            folder.join("tokens"),
            format!("{TOKEN},scale,scale,\"system:masters\"\n"),
        )
        .expect("a file for tokens");
        let names = ["127.0.0.1".to_string()];
        let own = rcgen::generate_simple_self_signed(names).expect("a certificate");
        fs::write(folder.join(CERTIFICATE), own.cert.pem()).expect("a file for a certificate");
        fs::write(folder.join(KEY), own.signing_key.serialize_pem()).expect("a file for a key");
        let pair = rcgen::KeyPair::generate().expect("a key");
        fs::write(folder.join(PRIVATE), pair.serialize_pem()).expect("a file for a key");
        fs::write(folder.join(PUBLIC), pair.public_key_pem()).expect("a file for a key");
        Self {
            node: node.into(),
            folder: folder.into(),
            address,
            _program: Program::start("etcd", &called(node, "etcd", folder), &arguments, &[], folder),
        }
    }

    /// Speaks to it by itself.
    pub fn client(&self) -> Client {
        let address = self.address.parse().expect("an address");
        Client::try_from(Config::new(address)).expect("a client")
    }

    /// Starts an API server, and returns when it is ready.
    pub async fn serve(&self, name: &str) -> ApiServer {
        let port = free_port();
        let arguments = [
            format!("--etcd-servers={}", self.address),
            "--bind-address=127.0.0.1".into(),
            format!("--secure-port={port}"),
            format!("--tls-cert-file={}", self.folder.join(CERTIFICATE).display()),
            format!("--tls-private-key-file={}", self.folder.join(KEY).display()),
            format!("--token-auth-file={}", self.folder.join("tokens").display()),
            "--authorization-mode=RBAC".into(),
            "--service-cluster-ip-range=10.0.0.0/16".into(),
            "--service-account-issuer=https://scale".into(),
            format!("--service-account-key-file={}", self.folder.join(PUBLIC).display()),
            format!(
                "--service-account-signing-key-file={}",
                self.folder.join(PRIVATE).display()
            ),
            // There is no controller that makes accounts, and Pods shall be made all the same.
            "--disable-admission-plugins=ServiceAccount".into(),
            "--endpoint-reconciler-type=none".into(),
        ];
        let program = Program::start(
            name,
            &called(&self.node, "kube-apiserver", &self.folder),
            &arguments,
            &[MEMORY],
            &self.folder,
        );
        let client = client(&kubeconfig(port, "default", &self.folder)).await;
        let mut server = ApiServer { port, client, program };
        let until = Instant::now() + READY;
        loop {
            let request = http::Request::get("/readyz").body(Vec::new()).expect("a request");
            match server.client.request_text(request).await {
                Ok(_) => return server,
                Err(error) => assert!(
                    Instant::now() < until,
                    "{name} is not ready: {error}\n{}",
                    server.program.tail()
                ),
            }
            assert!(server.program.is_alive(), "{name} has ended: {}", server.program.tail());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

impl ApiServer {
    /// Ends it.
    pub fn end(self) {
        self.program.end();
    }
}

/// The program that holds all of Kubernetes is what it is called by.
fn called(node: &Path, name: &str, folder: &Path) -> PathBuf {
    let path = folder.join(name);
    if !path.exists() {
        std::os::unix::fs::symlink(node, &path).expect("a link");
    }
    path
}

/// An administrator's kubeconfig for the API server behind a port.
pub fn kubeconfig(port: u16, namespace: &str, folder: &Path) -> String {
    serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "scale", "cluster": {
            "server": format!("https://127.0.0.1:{port}"),
            "certificate-authority": folder.join(CERTIFICATE),
        }}],
        "users": [{ "name": "scale", "user": { "token": TOKEN } }],
        "contexts": [{ "name": "scale", "context": { "cluster": "scale", "user": "scale", "namespace": namespace } }],
        "current-context": "scale",
    })
    .to_string()
}

async fn client(kubeconfig: &str) -> Client {
    let file = Kubeconfig::from_yaml(kubeconfig).expect("a kubeconfig");
    let mut config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
        .await
        .expect("a configuration");
    // The answer to a list of everything takes its time.
    config.read_timeout = None;
    Client::try_from(config).expect("a client")
}
