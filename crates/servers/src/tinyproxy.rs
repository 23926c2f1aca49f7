//! A real HTTP proxy: Debian's tinyproxy on a free port of the loopback, gone when dropped.
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The proxy.
pub struct Tinyproxy {
    /// Where it listens on the loopback.
    pub port: u16,
    child: Child,
    folder: tempfile::TempDir,
}

impl Drop for Tinyproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port of the loopback at which nobody listens.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Tinyproxy {
    /// One with these lines in its configuration, as `BasicAuth ann hunter2`.
    pub fn start(lines: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let (conf, log) = (folder.path().join("conf"), folder.path().join("log"));
        let text = format!(
            "Port {port}\nListen 127.0.0.1\nLogLevel Connect\nLogFile \"{}\"\nTimeout 600\n{}\n",
            log.display(),
            lines.join("\n")
        );
        fs::write(&conf, text).unwrap();
        let child = Command::new("tinyproxy")
            .arg("-d")
            .arg("-c")
            .arg(&conf)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("tinyproxy is not installed: run `make test`, or install Debian's tinyproxy-bin");
        let until = Instant::now() + Duration::from_secs(90);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "tinyproxy does not answer on port {port}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { port, child, folder }
    }

    /// One that lets nothing through.
    pub fn denying() -> Self {
        let filter = tempfile::NamedTempFile::new().unwrap();
        fs::write(filter.path(), "nothing.example\n").unwrap();
        let list = format!("Filter \"{}\"", filter.path().display());
        Self::start(&[&list, "FilterDefaultDeny Yes"])
    }

    /// Scheme, host and port.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Tunnels that it opened or refused so far.
    pub fn tunnels(&self) -> usize {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap();
        log.lines().filter(|line| line.contains("CONNECT ")).count()
    }
}
