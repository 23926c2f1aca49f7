//! A real API server with the kinds in it, and kubectl for it.
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::control_plane::{ControlPlane, kubeconfig};
use crate::program::Program;

/// Until the API server is ready and serves the kinds, on a busy machine.
const READY: Duration = Duration::from_secs(180);

/// The API server. It goes when it is dropped.
pub struct ApiServer {
    kubectl: PathBuf,
    kubeconfig: PathBuf,
    api_server: Program,
    _plane: ControlPlane,
    _folder: tempfile::TempDir,
}

impl ApiServer {
    /// Brings one up, and puts the kinds of that manifest (`deploy/crds.yaml`) into it. `NODE_BIN` names the program.
    pub fn start(kinds: &Path) -> Self {
        let node = std::env::var_os("NODE_BIN").expect("NODE_BIN is not set: run `make test`");
        let folder = tempfile::tempdir().expect("a folder");
        let plane = ControlPlane::start(node.as_ref(), folder.path());
        let (port, api_server) = plane.serve("kube-apiserver");
        let file = folder.path().join("kubeconfig");
        std::fs::write(&file, kubeconfig(port, "default", folder.path())).expect("a kubeconfig");
        let mut cluster = Self {
            kubectl: plane.kubectl(),
            kubeconfig: file,
            api_server,
            _plane: plane,
            _folder: folder,
        };
        cluster.wait_for(&["get", "--raw", "/readyz"]);
        cluster.kubectl(&["create", "-f", &kinds.display().to_string()], "");
        cluster.wait_for(&["get", "backupstorages,backupschedules,backupruns,backupdrills", "-A"]);
        cluster
    }

    /// Until kubectl can do that.
    fn wait_for(&mut self, args: &[&str]) {
        let until = Instant::now() + READY;
        loop {
            let asked = self.run(&[args, &["--request-timeout=5s"]].concat(), "");
            if asked.status.success() {
                return;
            }
            assert!(
                self.api_server.is_alive() && Instant::now() < until,
                "kubectl {args:?}: {}\n{}",
                String::from_utf8_lossy(&asked.stderr),
                self.api_server.tail()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Runs kubectl with that input, and returns what it printed.
    pub fn kubectl(&self, args: &[&str], input: &str) -> String {
        let output = self.run(args, input);
        assert!(
            output.status.success(),
            "kubectl {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("text")
    }

    /// The same with objects as input.
    pub fn with(&self, args: &[&str], objects: &[Value]) -> String {
        let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects});
        self.kubectl(&[args, &["-f", "-"]].concat(), &list.to_string())
    }

    /// Waits until somebody may do something, as `list backupruns -n shop --as ann`: the authorizer hears of roles by a watch, and refuses for a moment
    /// what they allow.
    pub fn until_may(&self, words: &str) {
        let args: Vec<_> = "auth can-i".split(' ').chain(words.split(' ')).collect();
        let until = Instant::now() + READY;
        while !self.run(&args, "").status.success() {
            assert!(Instant::now() < until, "nobody may {words}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The administrator's.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// kubectl itself.
    pub fn program(&self) -> &Path {
        &self.kubectl
    }

    /// Runs kubectl with that input, whatever comes of it.
    pub fn run(&self, args: &[&str], input: &str) -> Output {
        let mut child = Command::new(&self.kubectl)
            .args(args)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("TZ", "UTC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("NODE_BIN: run `make test`");
        let (mut stdin, input) = (child.stdin.take().expect("an input"), input.to_string());
        // One that ends early takes no more of it.
        let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output().expect("its output");
        let _ = writer.join().expect("a thread");
        output
    }
}
