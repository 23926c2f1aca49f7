//! What people write into the kinds, and what a manifest may be that the API server let through.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]
use api::{BackupRun, BackupSchedule, BackupStorage};
use fuzz::Target;
use jiff::Timestamp;
use planner::schedule::cron::Calendar;
use planner::validate;

/// Without what was written: it would make every fault a new one.
fn kind(words: &str) -> String {
    words
        .split(['"', '`'])
        .next()
        .unwrap_or_default()
        .chars()
        .take(60)
        .collect()
}

#[cfg_attr(test, test)]
pub fn fuzz_cron_and_time_zones() {
    let seeds: [&[u8]; 9] = [
        b"*/5 0-6,8 ? JAN-mar Mon#Europe/Berlin",
        b"@every 1h30m#",
        b"TZ=America/New_York 0 2 * * *#",
        b"CRON_TZ=UTC @daily#",
        b"0 0 29 2 *#Asia/Tokyo",
        b"0 0 31 2 *#",
        b"59-0/7 * * * *#Etc/GMT+12",
        b"@every -1ns#Local",
        b"30 2 * * *#Australia/Lord_Howe",
    ];
    let words = [
        "*",
        "/",
        "-",
        ",",
        "?",
        "@every ",
        "@reboot",
        "TZ=",
        "#",
        "Europe/Berlin",
        "FEB",
        "sun",
        "7",
        "60",
        "h",
        "ns",
        "L",
        "W",
        "../",
        "posix/",
    ];
    Target {
        name: "cron and time zones",
        seeds: &seeds,
        words: &words,
    }
    .run(|bytes| {
        let text = String::from_utf8_lossy(bytes);
        let (expression, zone) = text.split_once('#').unwrap_or((&text, ""));
        let zone = Some(zone).filter(|z| !z.is_empty());
        match Calendar::parse(expression, zone) {
            Err(error) => {
                assert!(error.place(expression) <= expression.len());
                kind(&error.to_string())
            }
            Ok(calendar) => {
                let mut at: Timestamp = "2026-10-24T22:51:00Z".parse().unwrap();
                let mut ticks = 0;
                while ticks < 5
                    && let Some(next) = calendar.next(at)
                {
                    assert!(next > at, "a tick that is not later: {next} after {at}");
                    (at, ticks) = (next, ticks + 1);
                }
                // The ends of time are no places to overflow at.
                for end in [Timestamp::MIN, Timestamp::MAX] {
                    let _ = calendar.next(end);
                }
                format!("{ticks} ticks")
            }
        }
    });
}

#[cfg_attr(test, test)]
pub fn fuzz_paths() {
    let seeds: [&[u8]; 8] = [
        b"/a/b.sql",
        b"/../x",
        b" /a/./b ",
        b"//",
        b"/a\x1bb",
        b"/%2e%2e/b",
        b"\\a\\..\\b",
        "/\u{2028}ä/\u{202e}".as_bytes(),
    ];
    let words = [
        "/",
        "\\",
        "..",
        ".",
        " ",
        "\n",
        "\0",
        "\u{85}",
        "\u{a0}",
        "%2f",
        "{{ now }}",
    ];
    Target {
        name: "paths",
        seeds: &seeds,
        words: &words,
    }
    .run(|bytes| {
        let text = String::from_utf8_lossy(bytes);
        match validate::run::check_path(&text) {
            Ok(path) => {
                assert!(
                    path.starts_with('/') && path.len() <= 1000 && !path.contains(char::is_control),
                    "{path:?}"
                );
                assert!(
                    path.split('/').skip(1).all(|s| !s.is_empty())
                        && path.split(['/', '\\']).all(|s| !matches!(s, "." | "..")),
                    "{path:?}"
                );
                assert_eq!(validate::run::check_path(&path).as_deref(), Ok(path.as_str()), "twice");
                "good".to_string()
            }
            Err(why) => why.rsplit('"').next().unwrap_or_default().chars().take(30).collect(),
        }
    });
}

#[cfg_attr(test, test)]
pub fn fuzz_recipients_of_a_spec() {
    let seeds: [&[u8]; 4] = [
        b"age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj",
        b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN alice",
        b"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ==",
        b"AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZ",
    ];
    let words = [
        "age1",
        "ssh-ed25519 ",
        "ssh-rsa ",
        "AAAA",
        "1",
        " ",
        "==",
        "AGE-SECRET-KEY-1",
        "pq1",
    ];
    Target {
        name: "recipients of a spec",
        seeds: &seeds,
        words: &words,
    }
    .run(|bytes| validate::recipient::check(&String::from_utf8_lossy(bytes)).map_err(|e| kind(&e)));
}

const RUN: &str = r#"{"apiVersion":"backup-operator.io/v1","kind":"BackupRun","metadata":{"name":"db","namespace":"team","annotations":{"backup-operator.io/restore":"x"}},"spec":{"retainPolicy":"Delete","backup":{"container":"main","command":["dump"],"args":[],"deadlineSeconds":5,"allowEmpty":true},"restore":{"command":["load"]},"storage":{"name":"minio","path":"/db-{{ now | date \"2006\" }}.sql"},"compression":{"algorithm":"zstd","level":3},"encryption":{"recipients":["age1x"],"decryptionKey":{"name":"s","namespace":"n","key":"k"}},"backoffLimit":3,"startDeadlineSeconds":9,"template":{"metadata":{"labels":{"a":"b"}},"spec":{"initContainers":[],"containers":[{"name":"main","image":"i","resources":{"limits":{"memory":"1Gi"}}}]}}},"status":{"conditions":[],"transfer":{"attempt":"backup-1","startedAt":"2024-01-02T03:04:05Z","route":"Direct","key":"k"}}}"#;
const SCHEDULE: &str = r#"{"apiVersion":"backup-operator.io/v1","kind":"BackupSchedule","metadata":{"name":"nightly","namespace":"team","uid":"u"},"spec":{"schedule":"@daily","timeZone":"Europe/Berlin","startingDeadlineSeconds":9,"concurrencyPolicy":"Forbid","suspend":false,"jitterSeconds":9,"successfulRunsHistoryLimit":3,"failedRunsHistoryLimit":1,"retention":{"last":1,"daily":7,"within":"1y5m7d2h","timeZone":"Europe/Berlin","minSuccessful":2},"notifications":[{"name":"a","events":["Failed"],"webhook":{"url":"https://a.example/","signingKey":{"name":"k","key":"hmac"}},"caBundle":"x"},{"name":"b","smtp":{"host":"mail.example","port":25,"tls":"Implicit","from":"A <a@b.example>","to":["c@d.example"],"username":"u","password":{"name":"k","key":"p"}}},{"name":"c","ping":{"fail":{"name":"k","key":"f"}}}],"template":{"metadata":{},"spec":{"backup":{"command":["dump"]},"storage":{"name":"minio"},"template":{"spec":{"containers":[{"name":"main"}]}}}}}}"#;
const STORAGE: &str = r#"{"apiVersion":"backup-operator.io/v1","kind":"BackupStorage","metadata":{"name":"minio"},"spec":{"type":"s3","parameters":{"bucket":"b","endpoint":"http://minio:9000"},"credentials":{"name":"s","namespace":"n"},"dataPath":"Auto","namespaceIsolation":"Prefix","allowedNamespaces":{"from":"Selector","selector":{"matchLabels":{"a":"b"},"matchExpressions":[{"key":"k","operator":"In","values":["v"]}]}}}}"#;

const WORDS: [&str; 24] = [
    "null",
    "{}",
    "[]",
    "-1",
    "\"\"",
    "\"{{ \"",
    "{{ repeat 9999999 \\\"a\\\" }}",
    "{{ until 999999999 }}",
    "/..",
    "\\u0000",
    "\\u202e",
    "true",
    "\"spec\":",
    "\"backup\":",
    "\"restore\":",
    "\"storage\":",
    "\"template\":",
    "\"command\":",
    "\"path\":",
    "\"level\":99",
    "\"operator\":\"Exists\"",
    "\"containers\":[{}]",
    "\"schedule\":\"",
    ",",
];

fn told(faults: &[validate::Fault]) -> String {
    let all = faults.iter().map(ToString::to_string).collect::<Vec<_>>();
    for fault in &all {
        let begin: String = fault.chars().take(200).collect();
        assert!(fault.len() < 8 << 10, "a fault of {} bytes: {begin}", fault.len());
    }
    all.iter().map(|f| kind(f)).take(3).collect()
}

#[cfg_attr(test, test)]
pub fn fuzz_runs() {
    Target {
        name: "runs",
        seeds: &[RUN.as_bytes()],
        words: &WORDS,
    }
    .run(|bytes| match serde_json::from_slice::<BackupRun>(bytes) {
        Err(error) => format!("{:?}", error.classify()),
        Ok(run) => match validate::run::validate(&run.spec) {
            Err(faults) => told(&faults),
            Ok(valid) => match valid.render_path(&planner::run::path::sample()) {
                Ok(path) => format!("{}", validate::run::check_path(&path).is_ok()),
                Err(error) => kind(&error.to_string()),
            },
        },
    });
}

#[cfg_attr(test, test)]
pub fn fuzz_schedules() {
    Target {
        name: "schedules",
        seeds: &[SCHEDULE.as_bytes()],
        words: &WORDS,
    }
    .run(|bytes| match serde_json::from_slice::<BackupSchedule>(bytes) {
        Err(error) => format!("{:?}", error.classify()),
        Ok(schedule) => {
            planner::schedule::decide::jitter(&schedule);
            validate::schedule::validate(&schedule).map_or_else(|faults| told(&faults), |_| "good".into())
        }
    });
}

#[cfg_attr(test, test)]
pub fn fuzz_urls_of_notifications() {
    let seeds: [&[u8]; 4] = [
        b"https://a.example:8443/hook?x=1",
        b"http://[2001:db8::1]/",
        b"https://user@a.example",
        b"https://127.1/",
    ];
    Target {
        name: "urls of notifications",
        seeds: &seeds,
        words: &[
            "https://",
            "http://",
            "@",
            ":",
            "[",
            "]",
            "\\",
            "#",
            "?",
            "..",
            "169.254.169.254",
        ],
    }
    .run(|bytes| {
        let text = String::from_utf8_lossy(bytes);
        let Ok(target) = validate::notifications::target(&text) else {
            return "refused".to_string();
        };
        // What was judged is the host that stands there, and nothing is written before it.
        let rest = text.split_once("://").map_or("", |(_, rest)| rest);
        assert!(
            rest.trim_start_matches('[').starts_with(&target.host),
            "{text:?}: {target:?}"
        );
        assert!(target.port > 0 && !target.host.is_empty());
        format!("{} {}", target.secure, target.host.contains(':'))
    });
}

#[cfg_attr(test, test)]
pub fn fuzz_storages() {
    Target {
        name: "storages",
        seeds: &[STORAGE.as_bytes()],
        words: &WORDS,
    }
    .run(|bytes| match serde_json::from_slice::<BackupStorage>(bytes) {
        Err(error) => format!("{:?}", error.classify()),
        Ok(storage) => validate::storage::validate(&storage.spec, |_, _| Vec::new())
            .map_or_else(|faults| told(&faults), |()| "good".into()),
    });
}

#[cfg_attr(test, test)]
pub fn fuzz_names_of_attempts_and_routes() {
    let seeds: [&[u8]; 4] = [b"backup-1", b"restore-4294967296", b"backup-", b"Relay"];
    Target {
        name: "attempts and routes",
        seeds: &seeds,
        words: &["backup-", "restore-", "-", "Direct"],
    }
    .run(|bytes| {
        let text = String::from_utf8_lossy(bytes);
        let (action, number) = planner::run::life::parse(&text);
        (
            format!("{action:?}"),
            number.min(3),
            planner::run::Route::of(&text).word(),
        )
    });
}
