//! A real mail server: Debian's aiosmtpd on a free port of the loopback (`dev/mail-server`), gone when dropped.
use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::tinyproxy::free_port;

/// The server.
pub struct MailServer {
    /// Where it listens on the loopback.
    pub port: u16,
    child: Child,
    folder: tempfile::TempDir,
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl MailServer {
    /// One with a certificate and its key (PEM), `starttls`, `implicit` or `clear`, that asks for a user and a password where one is given.
    pub fn start(certificate: &str, key: &str, mode: &str, login: Option<(&str, &str)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let (cert, private) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        fs::write(&cert, certificate).unwrap();
        fs::write(&private, key).unwrap();
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dev/mail-server");
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(program);
        command
            .arg(port.to_string())
            .arg(folder.path())
            .arg(&cert)
            .arg(&private)
            .arg(mode);
        if let Some((user, password)) = login {
            command.args([user, password]);
        }
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut server = Self { port, child, folder };
        let until = Instant::now() + Duration::from_secs(90);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = server.child.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < until,
                "the mail server does not answer on port {port} (is Debian's python3-aiosmtpd installed? `make test` does that): {}",
                fs::read_to_string(server.folder.path().join("log")).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// The mails that it took, as they came, in their order.
    pub fn mails(&self) -> Vec<String> {
        let mails = (0..).map(|n| fs::read_to_string(self.folder.path().join(format!("{n}.eml"))));
        mails.map_while(Result::ok).collect()
    }
}
