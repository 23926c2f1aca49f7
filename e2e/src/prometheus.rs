//! The real Prometheus, as a process of the test, which reads the operator under test as the documentation says.
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use ureq::Agent;

use crate::cluster::wait;

/// Until one request is answered.
const REQUEST: Duration = Duration::from_secs(20);
/// Until it answers, and until it has read both replicas.
const UP: Duration = Duration::from_secs(180);
/// The configuration of docs/operations/monitoring.md.
const TRIAL: &str = include_str!("../../docs/operations/prometheus/trial.yaml");
/// What is in it, and is another one here: port of `kubectl proxy`, pace, rules.
const PROXY_PORT: &str = "8001";

/// A Prometheus and the `kubectl proxy` that it reads the cluster by; both end with this.
pub struct Prometheus {
    url: String,
    agent: Agent,
    folder: PathBuf,
    processes: Vec<Child>,
    since: SystemTime,
}

impl Prometheus {
    /// Starts it, and waits until it has read the operator.
    pub async fn start() -> Self {
        let (proxy, port) = (free_port(), free_port());
        let folder = std::env::temp_dir().join(format!("backup-operator-prometheus-{port}"));
        std::fs::create_dir_all(&folder).expect("a folder for Prometheus");
        let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/alerts.yaml");
        let config = TRIAL
            .replace(PROXY_PORT, &proxy.to_string())
            .replace("../../../deploy/alerts.yaml", rules)
            .replace("_interval: 5s", "_interval: 1s");
        let file = folder.join("prometheus.yaml");
        std::fs::write(&file, config).expect("its configuration");
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(REQUEST))
            .build();
        let mut prometheus = Self {
            url: format!("http://127.0.0.1:{port}"),
            agent: config.into(),
            processes: Vec::new(),
            since: SystemTime::now(),
            folder: folder.clone(),
        };
        let mut kubectl = Command::new(program("KUBECTL"));
        kubectl.args(["proxy", &format!("--port={proxy}")]);
        prometheus.run(kubectl);
        let mut command = Command::new(program("PROMETHEUS_BIN"));
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--log.level=warn");
        prometheus.run(command);
        wait("Prometheus has read a replica that leads", UP, || async {
            let leads = prometheus.instant("max(backup_operator_leader) == 1").ok()?;
            (!leads.is_empty()).then_some(())
        })
        .await;
        prometheus
    }

    fn run(&mut self, mut command: Command) {
        let log = std::fs::File::create(self.folder.join(format!("log-{}", self.processes.len()))).expect("a log");
        let again = log.try_clone().expect("a log");
        command.stdin(Stdio::null()).stdout(log).stderr(again);
        let child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        self.processes.push(child);
    }

    /// What a query gives now: its vector.
    pub fn instant(&self, expr: &str) -> Result<Vec<Value>, String> {
        self.ask("query", &[("query", expr)])
    }

    /// What a query gave at any time since the start: its series.
    pub fn since_start(&self, expr: &str) -> Result<Vec<Value>, String> {
        let seconds = |time: SystemTime| {
            let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            since.as_secs().to_string()
        };
        let (start, end) = (seconds(self.since), seconds(SystemTime::now()));
        self.ask(
            "query_range",
            &[("query", expr), ("start", &start), ("end", &end), ("step", "2")],
        )
    }

    /// All alerts, pending ones as well, with their annotations.
    pub fn alerts(&self) -> Vec<Value> {
        let answer = self.agent.get(format!("{}/api/v1/alerts", self.url)).call();
        let text = answer
            .expect("Prometheus")
            .into_body()
            .read_to_string()
            .expect("an answer");
        let json: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e} in {text}"));
        json["data"]["alerts"].as_array().expect("alerts").clone()
    }

    fn ask(&self, verb: &str, form: &[(&str, &str)]) -> Result<Vec<Value>, String> {
        let url = format!("{}/api/v1/{verb}", self.url);
        let answer = self
            .agent
            .post(url)
            .send_form(form.iter().copied())
            .map_err(|e| e.to_string())?;
        let text = answer.into_body().read_to_string().map_err(|e| e.to_string())?;
        let json: Value = serde_json::from_str(&text).map_err(|e| format!("{e} in {text}"))?;
        match json["data"]["result"].as_array() {
            Some(result) => Ok(result.clone()),
            None => Err(text),
        }
    }

    /// The end of what it and `kubectl proxy` said.
    pub fn log(&self) -> String {
        let read = |n: usize| std::fs::read_to_string(self.folder.join(format!("log-{n}"))).unwrap_or_default();
        let text = read(0) + &read(1);
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("Prometheus and kubectl proxy said at last:\n{}", self.log());
        }
        for child in &mut self.processes {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The program that a variable of `make test` names.
pub fn program(variable: &str) -> PathBuf {
    let path = std::env::var_os(variable).unwrap_or_else(|| panic!("{variable} is not set: run `make test`"));
    Path::new(&path).into()
}

/// A port of this machine that nobody listens on now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}
