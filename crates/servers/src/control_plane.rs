//! A control plane without nodes, on the loopback: one etcd, and API servers on it.
use std::fs;
use std::path::{Path, PathBuf};

use crate::program::Program;
use crate::tinyproxy::free_port;

/// The administrator's.
const TOKEN: &str = "administrator";
/// What the API servers are known by.
const CERTIFICATE: &str = "server.crt";
/// Its key.
const KEY: &str = "server.key";
/// The key of ServiceAccounts, which nobody uses.
const PRIVATE: &str = "accounts.key";
/// Its public half.
const PUBLIC: &str = "accounts.pub";
/// Two API servers stand beside each other for a while.
const MEMORY: (&str, &str) = ("GOGC", "50");
/// Bytes that etcd may keep.
const QUOTA: &str = "8589934592";

/// Where the objects are.
pub struct ControlPlane {
    /// Of its etcd, as a URL.
    pub address: String,
    node: PathBuf,
    folder: PathBuf,
    _etcd: Program,
}

impl ControlPlane {
    /// Starts one with nothing in it and no API server yet. `node` is the program that holds all of Kubernetes (`dev/binary node`).
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
            // Nothing of it outlives the test.
            "--unsafe-no-fsync".into(),
            "--log-level=warn".into(),
        ];
        let write = |name: &str, text: String| fs::write(folder.join(name), text).expect("a file");
        write(
            "tokens",
            format!("{TOKEN},administrator,administrator,\"system:masters\"\n"),
        );
        let names = ["127.0.0.1".to_string()];
        let own = rcgen::generate_simple_self_signed(names).expect("a certificate");
        write(CERTIFICATE, own.cert.pem());
        write(KEY, own.signing_key.serialize_pem());
        let pair = rcgen::KeyPair::generate().expect("a key");
        write(PRIVATE, pair.serialize_pem());
        write(PUBLIC, pair.public_key_pem());
        Self {
            _etcd: Program::start("etcd", &called(node, "etcd", folder), &arguments, &[], folder),
            address,
            node: node.into(),
            folder: folder.into(),
        }
    }

    /// Starts an API server, which is not ready yet, and says at which port of the loopback.
    pub fn serve(&self, name: &str) -> (u16, Program) {
        let port = free_port();
        let file = |name: &str| self.folder.join(name).display().to_string();
        let arguments = [
            format!("--etcd-servers={}", self.address),
            "--bind-address=127.0.0.1".into(),
            format!("--secure-port={port}"),
            format!("--tls-cert-file={}", file(CERTIFICATE)),
            format!("--tls-private-key-file={}", file(KEY)),
            format!("--token-auth-file={}", file("tokens")),
            "--authorization-mode=RBAC".into(),
            "--service-cluster-ip-range=10.0.0.0/16".into(),
            "--service-account-issuer=https://control-plane".into(),
            format!("--service-account-key-file={}", file(PUBLIC)),
            format!("--service-account-signing-key-file={}", file(PRIVATE)),
            // There is no controller that makes accounts, and Pods shall be made all the same.
            "--disable-admission-plugins=ServiceAccount".into(),
            "--endpoint-reconciler-type=none".into(),
        ];
        let program = called(&self.node, "kube-apiserver", &self.folder);
        let started = Program::start(name, &program, &arguments, &[MEMORY], &self.folder);
        (port, started)
    }

    /// kubectl, out of the same program.
    pub fn kubectl(&self) -> PathBuf {
        called(&self.node, "kubectl", &self.folder)
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
        "clusters": [{ "name": "here", "cluster": {
            "server": format!("https://127.0.0.1:{port}"),
            "certificate-authority": folder.join(CERTIFICATE),
        }}],
        "users": [{ "name": "here", "user": { "token": TOKEN } }],
        "contexts": [{ "name": "here", "context": { "cluster": "here", "user": "here", "namespace": namespace } }],
        "current-context": "here",
    })
    .to_string()
}
