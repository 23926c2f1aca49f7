//! The control plane that is measured on, and clients of it.
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use servers::{ControlPlane, Program};

pub use servers::kubeconfig;

/// Until an API server is ready: one that comes up on fifty thousand runs reads them all.
const READY: Duration = Duration::from_secs(120);

/// Where the objects are.
pub struct Etcd {
    plane: ControlPlane,
    folder: PathBuf,
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
        Self {
            plane: ControlPlane::start(node, folder),
            folder: folder.into(),
        }
    }

    /// Speaks to it by itself.
    pub fn client(&self) -> Client {
        let address = self.plane.address.parse().expect("an address");
        Client::try_from(Config::new(address)).expect("a client")
    }

    /// Starts an API server, and returns when it is ready.
    pub async fn serve(&self, name: &str) -> ApiServer {
        let (port, program) = self.plane.serve(name);
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

async fn client(kubeconfig: &str) -> Client {
    let file = Kubeconfig::from_yaml(kubeconfig).expect("a kubeconfig");
    let mut config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
        .await
        .expect("a configuration");
    // The answer to a list of everything takes its time.
    config.read_timeout = None;
    Client::try_from(config).expect("a client")
}
