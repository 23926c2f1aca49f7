//! Templates put together at random, for some seconds: none makes it panic, hang or grow.
//!
//! `GOTEMPLATE_FUZZ_SECONDS` says for how long (5 unless given), `GOTEMPLATE_FUZZ_SEED` from where to start; what fails
//! prints the template. `GOTEMPLATE_FUZZ_DUMP` names a file for the templates that were rendered, all with the data and the
//! time of the recorded cases, to compare with Go: `cd dev/gotemplate-cases && go run . compare < FILE`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop at the first surprise"
)]
use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

use gotemplate::{Context, Data, Template};

/// The longest that one template may take, parsed and rendered, on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// The most memory that the test may have, in KiB.
const MEMORY: u64 = 512 * 1024;

#[derive(serde::Deserialize)]
struct Case {
    template: String,
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

const LITERALS: &[&str] = &[
    "\"a\"",
    "\"\"",
    "`2006-01-02`",
    "\"%d%s%08.3f%-5v%q%*d\"",
    "\"a,b,c\"",
    "\"-24h\"",
    "\"ä😀\"",
    "\"(a+)*b|[^\\\\d]{2,5}\"",
    "\"${1}x\"",
    "\">=1.2, <2 || ~3\"",
    "\"1.2.3-rc.1\"",
    "\"{\\\"a\\\":[1,{\\\"b\\\":null}]}\"",
    "\"http://u@h:1/p?q#f\"",
    "\"MFRGG===\"",
    "'x'",
    "0",
    "1",
    "-1",
    "3",
    "255",
    "9223372036854775807",
    "-9223372036854775808",
    "1.5",
    "-0.0",
    "1e300",
    "1e-300",
    "true",
    "false",
    "nil",
    ".",
    "$",
    ".name",
    ".dict.a",
    ".list",
    ".missing.x",
    "$x",
    "now",
    "(list 1 \"b\" nil)",
    "(dict \"a\" 1 \"b\" (list 2))",
    "(until 20)",
    "(semver \"1.2.3\")",
    "(now.Sub now)",
    "(splitList \",\" \"c,b,a\")",
    "(int64 7)",
    "(index \"a\" 0)",
    "now.Month",
];

/// Operands of a type that a parameter has.
fn typed(name: &str) -> &'static [&'static str] {
    match name {
        "string" => &[
            "\"a\"",
            "\"\"",
            "`2006-01-02`",
            "\"%d%s%v\"",
            "\"a,b,c\"",
            "\"-24h\"",
            "\"ä😀 b\"",
            "\"(a+)*b|[^\\d]{2,5}\"",
            "\"[a-z]?\"",
            "\"${1}x\"",
            "\">=1.2\"",
            "\"1.2.3-rc.1\"",
            "\"[1,{\\\"b\\\":null}]\"",
            "\"http://u@h:1/p?q#f\"",
            "\"MFRGG===\"",
            "\"FirstName\"",
            ".name",
            "(repeat 200 \"ab\")",
        ],
        "int" => &[
            "0",
            "1",
            "-1",
            "3",
            "255",
            "9223372036854775807",
            "-9223372036854775808",
            "'x'",
            "now.Day",
        ],
        "float64" => &["0.5", "-1.5", "1e300", "0"],
        "bool" => &["true", "false", "(eq 1 1)"],
        "dict" => &["(dict \"a\" 1 \"b\" (list 2))", "(dict)", ".", ".dict", "nil"],
        "time" => &["now", "(now.AddDate 1 2 3)", "now.UTC"],
        "duration" => &["1", "-5", "(now.Sub now)"],
        "version" => &["(semver \"1.2.3\")"],
        _ => LITERALS,
    }
}

/// An action with its operands, a few levels deep; mostly of the types that are wanted.
fn action(random: &mut Random, functions: &[String], depth: usize) -> String {
    let mut out = String::new();
    for stage in 0..1 + random.below(3) {
        if stage > 0 {
            out.push_str(" | ");
        }
        let signature = random.pick(functions);
        let mut words = signature.split(' ');
        out.push_str(words.next().unwrap_or_default());
        let mut params: Vec<&str> = words.collect();
        if let Some(last) = params.last().and_then(|p| p.strip_suffix("...")) {
            params.pop();
            params.extend(std::iter::repeat_n(last, random.below(4)));
        }
        // The value of the stage before is the last argument.
        if stage > 0 && random.below(10) > 0 {
            params.pop();
        }
        for param in params {
            out.push(' ');
            if depth < 3 && random.below(4) == 0 {
                out.push_str(&format!("({})", action(random, functions, depth + 1)));
            } else {
                let param = if random.below(12) == 0 { "any" } else { param };
                let operand = random.pick(typed(param));
                out.push_str(operand);
            }
        }
    }
    out
}

fn structured(random: &mut Random, functions: &[String], depth: usize) -> String {
    let mut out = String::new();
    for _ in 0..1 + random.below(2) {
        let action = action(random, functions, 0);
        let inner = |random: &mut Random| {
            if depth < 4 {
                structured(random, functions, depth + 1)
            } else {
                "x".into()
            }
        };
        out.push_str(&match random.below(9) {
            0 => format!(
                "{{{{ if {action} }}}}{}{{{{ else }}}}{}{{{{ end }}}}",
                inner(random),
                inner(random)
            ),
            1 => format!("{{{{ with {action} }}}}{}{{{{ end }}}}", inner(random)),
            2 => format!("{{{{ range $i, $x := {action} }}}}{}{{{{ end }}}}", inner(random)),
            3 => format!(
                "{{{{ range {} }}}}{}{{{{ end }}}}",
                random.pick(LITERALS),
                inner(random)
            ),
            4 => format!("{{{{ $x := {action} }}}}{}", inner(random)),
            5 => format!("{{{{ template \"t\" {action} }}}}"),
            _ => format!("{{{{ {action} }}}}"),
        });
    }
    out
}

/// A recorded template, changed in some places.
fn mutated(random: &mut Random, cases: &[Case]) -> String {
    let mut text: Vec<char> = random.pick(cases).template.chars().collect();
    let other: Vec<char> = random.pick(cases).template.chars().collect();
    for _ in 0..1 + random.below(6) {
        let at = random.below(text.len() + 1);
        match random.below(6) {
            0 if at < text.len() => {
                text.remove(at);
            }
            1 => text.insert(
                at,
                *random.pick(&[
                    '{', '}', '"', '`', '.', '$', '|', '(', ')', '-', '\\', ' ', '0', '9', 'ä', '\u{0}', '%', '[', '*',
                ]),
            ),
            2 if at < text.len() => {
                let other_at = random.below(text.len());
                text.swap(at, other_at);
            }
            3 if !other.is_empty() => {
                let from = random.below(other.len());
                let count = random.below(other.len() - from) + 1;
                text.splice(at..at, other[from..from + count].iter().copied());
            }
            4 => {
                let end = (at + random.below(8)).min(text.len());
                let piece: Vec<char> = text[at..end].to_vec();
                for _ in 0..random.below(20) {
                    text.splice(at..at, piece.iter().copied());
                }
            }
            _ => {
                let literal: Vec<char> = random.pick(LITERALS).chars().collect();
                text.splice(at..at, literal);
            }
        }
    }
    text.into_iter().collect()
}

/// The data and the time of the recorded cases.
fn recorded() -> Context {
    let texts = |items: &[&str]| Data::List(items.iter().map(|t| Data::from(*t)).collect());
    let nested = Data::Dict(BTreeMap::from([("x".into(), "y".into())]));
    let dict = BTreeMap::from([
        ("b".into(), Data::Int(2)),
        ("a".into(), Data::Int(1)),
        ("nested".into(), nested),
    ]);
    let scheduled = "2024-01-02T03:00:00Z".parse().unwrap();
    Context {
        data: BTreeMap::from([
            ("name".into(), "nightly-1704164400".into()),
            ("namespace".into(), "shop".into()),
            ("schedule".into(), "nightly".into()),
            ("attempt".into(), Data::Int(1)),
            ("scheduledTime".into(), Data::Time(scheduled)),
            ("list".into(), texts(&["b", "a", "c"])),
            ("ints".into(), Data::List([3, 1, 2].map(Data::Int).into())),
            ("dict".into(), Data::Dict(dict)),
            ("empty".into(), "".into()),
            ("zero".into(), Data::Int(0)),
            ("pi".into(), Data::Float(3.25)),
            ("yes".into(), Data::Bool(true)),
            ("none".into(), Data::Null),
        ]),
        ..Context::utc(NOW.parse().unwrap())
    }
}

const NOW: &str = "2024-01-02T03:04:05.060708009Z";
/// What is at random, or in an order at random, cannot be compared.
const RANDOM: [&str; 9] = [
    "rand",
    "shuffle",
    "uuidv4",
    "keys",
    "values",
    "env",
    "genPrivateKey",
    "htpasswd",
    "getHostByName",
];

fn context(random: &mut Random) -> Context {
    let seconds = match random.below(3) {
        0 => random.next() as i64 % 253_402_207_200,
        _ => 1_704_164_645,
    };
    let at = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    let dict = BTreeMap::from([("a".into(), Data::Int(1)), ("t".into(), Data::Time(at))]);
    Context {
        data: BTreeMap::from([
            ("name".into(), "nightly".into()),
            (
                "list".into(),
                Data::List(vec!["b".into(), Data::Null, Data::Float(1.5)]),
            ),
            ("dict".into(), Data::Dict(dict)),
        ]),
        seed: random.next(),
        ..Context::utc(at)
    }
}

/// Memory at its highest, in KiB; none where the system does not say.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn no_template_makes_it_panic_hang_or_grow() {
    let number = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let seconds = number("GOTEMPLATE_FUZZ_SECONDS").unwrap_or(5);
    let seed = number("GOTEMPLATE_FUZZ_SEED").unwrap_or_else(|| {
        let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        since.as_secs() ^ u64::from(since.subsec_nanos())
    });
    let cases: Vec<Case> = serde_json::from_str(include_str!("cases/rendered.json")).unwrap();
    let families = gotemplate::reference::functions();
    let functions: Vec<String> = families
        .into_iter()
        .flat_map(|f| f.entries)
        .map(|e| e.signature)
        .collect();
    let mut random = Random(seed);
    let mut dump = std::env::var("GOTEMPLATE_FUZZ_DUMP")
        .ok()
        .map(|path| std::fs::File::create(path).unwrap());
    let begin = Instant::now();
    let (mut tried, mut parsed, mut rendered, mut longest) = (0_u64, 0_u64, 0_u64, Duration::ZERO);
    while begin.elapsed() < Duration::from_secs(seconds) {
        // Compared with Go, those put together show more than those that were recorded.
        let kind = random.below(if dump.is_some() { 2 } else { 3 });
        let text = match kind {
            0 => format!(
                "{}{{{{ define \"t\" }}}}{{{{ . }}}}{{{{ end }}}}",
                structured(&mut random, &functions, 0)
            ),
            _ => mutated(&mut random, &cases),
        };
        let context = if dump.is_some() {
            recorded()
        } else {
            context(&mut random)
        };
        let started = Instant::now();
        let outcome = std::panic::catch_unwind(|| {
            let template = Template::parse(&text).ok()?;
            Some(
                template
                    .render(&context, 2_000)
                    .map_err(|e| (e.to_string(), e.one_line())),
            )
        });
        let took = started.elapsed();
        longest = longest.max(took);
        tried += 1;
        match outcome {
            Ok(Some(result)) => {
                parsed += 1;
                rendered += u64::from(result.is_ok());
                if let (Some(file), Ok(output)) = (&mut dump, result)
                    && !RANDOM.iter().any(|word| text.contains(word))
                {
                    let line = serde_json::json!({"template": text, "now": NOW, "output": output});
                    writeln!(file, "{line}").unwrap();
                }
            }
            Ok(None) => {}
            Err(_) => panic!("seed {seed}: panics on {text:?}"),
        }
        assert!(took < PATIENCE, "seed {seed}: {took:?} for {text:?}");
        if tried % 1000 == 0
            && let Some(peak) = peak()
        {
            assert!(peak < MEMORY, "seed {seed}: {peak} KiB after {text:?}");
        }
    }
    println!(
        "seed {seed}, {seconds} s: {tried} templates, {parsed} parsed, {rendered} rendered, the longest took {longest:?}, {} KiB at most",
        peak().unwrap_or(0)
    );
    assert!(parsed > 0 && rendered > 0);
}
