//! What the tests of the disk ask for, over SFTP.
use std::path::Path;

use store::Store;

use crate::server;

pub use crate::server::{ACCESS, BUCKET, SECRET};

pub struct Depot {
    pub port: u16,
    depot: server::Depot,
}

impl Depot {
    pub fn start(folder: &Path, more: &[&str]) -> Self {
        assert!(more.is_empty());
        std::fs::create_dir_all(folder.join("data")).unwrap();
        let depot = server::over(super::SERVER, folder).up();
        Self {
            port: depot.port,
            depot,
        }
    }

    pub fn said(&self) -> String {
        self.depot.said()
    }

    pub fn kill(self) {
        self.depot.kill();
    }

    pub fn store(&self) -> Store {
        self.depot.store()
    }
}

pub fn block<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(work)
}
