//! A real server of SFTP: Debian's, on a free port of the loopback, as `dev/sftp` starts it; gone when dropped, and with the thread that
//! started it.
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::program::Program;
use crate::tinyproxy::free_port;

/// Until it listens.
const UP: Duration = Duration::from_secs(60);
/// The password of its user, where it takes one.
pub const SFTP_PASSWORD: &str = "secretpass";

/// The server. Its user is called `backup`.
pub struct SftpServer {
    /// Where it listens on the loopback.
    pub port: u16,
    /// Its keys, and its user's home.
    pub folder: PathBuf,
    program: Program,
}

impl SftpServer {
    /// `openssh` or `proftpd`, with what it has in the folder's `sftp`.
    pub fn start(kind: &str, folder: &Path, environment: &[(&str, &str)]) -> Self {
        let programs = std::env::var("SFTP_SERVERS")
            .expect("SFTP_SERVERS is not set: run `dev/binary sftp-servers`, or `make test`");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dev/sftp").join(kind);
        let own = folder.join("sftp");
        fs::create_dir_all(&own).unwrap();
        let port = free_port();
        let arguments = [programs, port.to_string(), own.display().to_string()];
        let program = Program::start(kind, &script, &arguments, environment, folder);
        let mut server = Self {
            port,
            folder: own,
            program,
        };
        let until = Instant::now() + UP;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                server.program.is_alive() && Instant::now() < until,
                "{}",
                server.program.tail()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        server
    }

    /// A line of OpenSSH.
    pub fn host_key(&self) -> String {
        fs::read_to_string(self.folder.join("host.pub"))
            .unwrap()
            .trim()
            .to_owned()
    }

    /// The private key of its user.
    pub fn key(&self) -> String {
        fs::read_to_string(self.folder.join("user")).unwrap()
    }

    /// Where its user is after the login.
    pub fn home(&self) -> PathBuf {
        self.folder.join("home")
    }
}
