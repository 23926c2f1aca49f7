//! The operator as a process of this machine, and what it takes over time.
use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::api_server::kubeconfig;
use crate::build::Build;
use crate::process::{Taken, reset_peak, taken};
use servers::{Program, free_port};

/// Where its lease is.
pub const NAMESPACE: &str = "backup-operator";
/// Between two looks at what it takes.
const LOOK: Duration = Duration::from_millis(250);
/// It is at rest once it has taken no more than a part of a core for so long.
pub const REST: Duration = Duration::from_secs(30);
/// It has done what it was woken for.
const SETTLED: Duration = Duration::from_secs(4);
/// That part of a core.
const SHARE: f64 = 0.03;

/// One that runs.
pub struct Operator {
    program: Program,
    began: Instant,
}

/// It has ended by itself; the last that it logged.
#[derive(Debug)]
pub struct Ended(pub String);

/// How it came to rest.
#[derive(Clone, Copy, Debug)]
pub struct Rest {
    /// It did, in time.
    pub reached: bool,
    /// How long after the first look it had become quiet.
    pub after: Duration,
    /// What it takes now.
    pub now: Taken,
}

impl Operator {
    /// Starts one that speaks to the API server behind a port, with a lease or without.
    pub fn start(build: &Build, port: u16, lease: bool, folder: &Path) -> Self {
        let file = folder.join("kubeconfig");
        fs::write(&file, kubeconfig(port, NAMESPACE, folder)).expect("a file for a kubeconfig");
        let (file, health) = (file.display().to_string(), format!("127.0.0.1:{}", free_port()));
        let environment = [
            ("KUBECONFIG", file.as_str()),
            ("AGENT_IMAGE", "localhost/backup-operator:dev"),
            // Always the same one: its successor takes the lease at once.
            ("POD_NAME", "scale"),
            ("HEALTH_ADDRESS", &health),
            ("WEBHOOK", "false"),
            ("LEADER_ELECTION", if lease { "true" } else { "false" }),
        ];
        Self {
            program: Program::start(&build.name, &build.program, &[], &environment, folder),
            began: Instant::now(),
        }
    }

    /// Ends it.
    pub fn end(self) {
        self.program.end();
    }

    /// What it takes.
    pub fn taken(&mut self) -> Result<Taken, Ended> {
        let taken = taken(self.program.pid()).filter(|_| self.program.is_alive());
        taken.ok_or_else(|| Ended(self.program.tail()))
    }

    /// From now on the peak is counted anew.
    pub fn reset_peak(&self) {
        reset_peak(self.program.pid());
    }

    /// When it has logged that, first.
    pub fn said(&self, words: &str) -> Option<Timestamp> {
        let log = self.program.log();
        let line = log.lines().find(|line| line.contains(words))?;
        line.split(' ').next()?.parse().ok()
    }

    /// Warnings and errors that it has logged.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.program.log();
        let bad = log.lines().filter(|l| l.contains(" WARN ") || l.contains("ERROR "));
        bad.map(|l| l.split_once(' ').unwrap_or_default().1.trim().to_string())
            .collect()
    }

    /// Waits until it is at rest.
    pub async fn rest(&mut self, most: Duration) -> Result<Rest, Ended> {
        self.quiet(REST, most).await
    }

    /// Waits until it has done what it was woken for.
    pub async fn settled(&mut self, most: Duration) -> Result<Rest, Ended> {
        self.quiet(SETTLED, most).await
    }

    /// Since it was started.
    pub fn age(&self) -> Duration {
        self.began.elapsed()
    }

    async fn quiet(&mut self, window: Duration, most: Duration) -> Result<Rest, Ended> {
        let began = Instant::now();
        let first = self.taken()?;
        let mut looks = VecDeque::from([(Duration::ZERO, first.cpu)]);
        loop {
            tokio::time::sleep(LOOK).await;
            let (after, now) = (began.elapsed(), self.taken()?);
            looks.push_back((after, now.cpu));
            while looks.get(1).is_some_and(|(at, _)| after.saturating_sub(*at) >= window) {
                looks.pop_front();
            }
            let (from, spent) = looks[0];
            let (long, used) = (after.saturating_sub(from), now.cpu.saturating_sub(spent));
            let reached = long >= window && used.as_secs_f64() <= long.as_secs_f64() * SHARE;
            if reached || after > most {
                return Ok(Rest {
                    reached,
                    after: from,
                    now,
                });
            }
        }
    }
}
