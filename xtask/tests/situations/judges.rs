//! The two judges, and what is held against them.
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Row;

/// Both judges say of every row what it wants, and Argo CD has words for it.
pub fn hold(kind: &str, rows: &[Row]) {
    let script = root().join(format!("docs/gitops/{kind}.lua"));
    let by_kstatus = judged(&["kstatus"], rows);
    let by_argo = judged(&["lua", script.to_str().unwrap()], rows);
    let mut wrong = Vec::new();
    for ((row, kstatus), argo) in rows.iter().zip(&by_kstatus).zip(&by_argo) {
        if kstatus["status"] != row.kstatus {
            wrong.push(format!(
                "{}: kstatus says {kstatus}, wanted {}",
                row.situation, row.kstatus
            ));
        }
        if argo["status"] != row.argo {
            wrong.push(format!("{}: Argo CD says {argo}, wanted {}", row.situation, row.argo));
        }
        if argo["message"].as_str().is_none_or(str::is_empty) {
            wrong.push(format!("{}: Argo CD has no words: {argo}", row.situation));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn judged(args: &[&str], rows: &[Row]) -> Vec<Value> {
    let program = std::env::var_os("HEALTH_BIN").expect("HEALTH_BIN is not set: run `make test`");
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("HEALTH_BIN: run `make test`");
    let objects: String = rows.iter().map(|row| format!("{}\n", row.object)).collect();
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(objects.as_bytes()));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{args:?}");
    writer.join().unwrap().unwrap();
    let said: Vec<_> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(said.len(), rows.len(), "{args:?}");
    said
}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().into()
}
