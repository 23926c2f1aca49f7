//! No case takes more instructions than `instructions.txt` grants it; counted by valgrind, in which no other work of the machine is seen.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, thread};

/// Set to write the file again.
const RENEW: &str = "RENEW_BUDGETS";
/// What a new case may take more than when it was counted, percent.
const EXCESS: u64 = 5;
/// A case that takes less than its budget by more than this, percent, could become as bad again and nobody would know.
const LOOSE: u64 = 20;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Budget {
    instructions: u64,
    excess: u64,
}

impl Budget {
    /// What is wrong with such a number.
    fn fault(self, seen: u64) -> Option<&'static str> {
        let of_hundred = |percent| self.instructions * percent / 100;
        if seen > of_hundred(100 + self.excess) {
            Some("over its budget")
        } else if seen < of_hundred(100 - LOOSE) {
            Some("so far below its budget that the budget holds nothing")
        } else {
            None
        }
    }
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.txt")
}

/// `name | instructions | + percent %`, a case a line; `#` begins words for people.
fn read(text: &str) -> BTreeMap<String, Budget> {
    let lines = text.lines().filter(|l| !l.starts_with('#') && !l.trim().is_empty());
    let budget = |line: &str| {
        let [name, instructions, excess] = line.split('|').map(str::trim).collect::<Vec<_>>().try_into().ok()?;
        let excess = excess.strip_prefix('+')?.strip_suffix('%')?.trim().parse().ok()?;
        let instructions = instructions.replace(',', "").parse().ok()?;
        Some((name.to_string(), Budget { instructions, excess }))
    };
    lines
        .map(|line| budget(line).unwrap_or_else(|| panic!("no budget: {line:?}; one is `name | 12,345 | + 5 %`")))
        .collect()
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// In a profile of its own: instructions of an unoptimised program say nothing. It is built as it is for anybody, whatever flags the test has.
fn program() -> String {
    let output = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--locked",
            "--package",
            "budgets",
            "--bin",
            "budgets",
        ])
        .args(["--profile", "counted", "--message-format", "json-render-diagnostics"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo");
    assert!(output.status.success(), "the program of the cases could not be built");
    let messages = String::from_utf8(output.stdout).unwrap();
    let executable = |line: &str| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let named = message.pointer("/target/name")? == "budgets";
        let path = message.get("executable")?.as_str()?;
        named.then(|| path.to_string())
    };
    messages.lines().find_map(executable).expect("the path of the program")
}

fn names(program: &str) -> Vec<String> {
    let output = Command::new(program).arg("list").output().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(Into::into)
        .collect()
}

/// How the C library copies and compares follows from the CPU: by these words it does on each as on the oldest.
const PLAIN_CPU: &str = "glibc.cpu.hwcaps=-AVX2,-AVX_Fast_Unaligned_Load,-ERMS";

/// Without the variables of this process: where its stack begins depends on how long they are.
fn count(program: &str, case: &str) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args(["--collect-atstart=no", "--toggle-collect=*counted_from_here*"])
        .args([program, "case", case])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("GLIBC_TUNABLES", PLAIN_CPU)
        .output()
        .expect("valgrind is missing: `dev/tools build` installs it, or apt-get install valgrind");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{case}: {said}");
    let collected = |line: &str| line.split_once("Collected :")?.1.trim().parse().ok();
    let number = said.lines().find_map(collected).unwrap_or_default();
    assert!(number > 0, "{case}: nothing was counted: {said}");
    number
}

/// As many at a time as there are CPUs: what is counted does not depend on it.
fn count_all(program: &str, names: &[String]) -> BTreeMap<String, u64> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let shares = (0..threads).map(|n| {
            let share = names.iter().skip(n).step_by(threads);
            scope.spawn(move || {
                share
                    .map(|name| (name.clone(), count(program, name)))
                    .collect::<Vec<_>>()
            })
        });
        let shares: Vec<_> = shares.collect();
        shares.into_iter().flat_map(|share| share.join().unwrap()).collect()
    })
}

#[test]
fn no_case_takes_more_instructions_than_its_budget() {
    let text = fs::read_to_string(file()).unwrap();
    let budgets = read(&text);
    let program = program();
    let names = names(&program);
    let seen = count_all(&program, &names);
    if std::env::var_os(RENEW).is_some() {
        let heads = text.lines().filter(|line| line.starts_with('#'));
        let mut renewed: String = heads.map(|line| format!("{line}\n")).collect();
        for name in &names {
            let excess = budgets.get(name).map_or(EXCESS, |b| b.excess);
            writeln!(renewed, "{name:58} | {:>10} | + {excess} %", thousands(seen[name])).unwrap();
        }
        fs::write(file(), renewed).unwrap();
        return;
    }
    let mut wrong = Vec::new();
    for (name, &seen) in &seen {
        let Some(budget) = budgets.get(name) else {
            wrong.push(format!("{name}: has no budget; seen {}", thousands(seen)));
            continue;
        };
        if let Some(fault) = budget.fault(seen) {
            let change = seen as f64 / budget.instructions as f64 * 100.0 - 100.0;
            wrong.push(format!(
                "{name}: {fault}: {} + {} %, seen {} ({change:+.1} %)",
                thousands(budget.instructions),
                budget.excess,
                thousands(seen),
            ));
        }
    }
    let gone = budgets.keys().filter(|name| !names.contains(name));
    wrong.extend(gone.map(|name| format!("{name}: there is no such case any more")));
    assert!(
        wrong.is_empty(),
        "instructions:\n  {}\n\
         Where they go: valgrind --tool=callgrind --collect-atstart=no '--toggle-collect=*counted_from_here*' {program} case NAME, then callgrind_annotate.\n\
         If it is meant to be so: {RENEW}=1 cargo test -p budgets, and say in the commit why.",
        wrong.join("\n  "),
    );
}

#[test]
fn a_budget_is_broken_by_more_than_its_excess_and_by_far_less() {
    let budgets = read("# words\n\na: b | 1,000,000 | + 5 %\n");
    let budget = budgets["a: b"];
    let (instructions, excess) = (1_000_000, 5);
    assert_eq!(budget, Budget { instructions, excess });
    for good in [1_000_000, 1_050_000, 800_000] {
        assert_eq!(budget.fault(good), None);
    }
    assert_eq!(budget.fault(1_050_001), Some("over its budget"));
    assert!(budget.fault(799_999).is_some_and(|fault| fault.contains("below")));
    assert_eq!(thousands(1_234_567), "1,234,567");
    assert_eq!(thousands(123), "123");
}
