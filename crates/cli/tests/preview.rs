//! The program, as people call it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use std::io::Write;
use std::process::{Command, Stdio};

/// Status, standard output, standard error.
fn backup(arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kubectl-backup"))
        .arg("preview")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
}

#[test]
fn ticks_are_shown_with_the_offset_of_their_zone() {
    for (arguments, wanted) in [
        (
            vec![
                "--schedule",
                "30 2 * * *",
                "--time-zone",
                "Europe/Berlin",
                "--at",
                "2026-03-28T00:00:00Z",
                "--count",
                "3",
            ],
            "2026-03-28T02:30:00+01:00\n2026-03-30T02:30:00+02:00\n2026-03-31T02:30:00+02:00\nnote: in Europe/Berlin 02:30 has no tick on 2026-03-29, when clocks are set from 02:00 to 03:00: no run is made then, the next one starts at 2026-03-30T02:30:00+02:00; 02:30 comes twice on 2026-10-25, when clocks are set from 03:00 to 02:00: a run is made each time (2026-10-25T02:30:00+02:00 and 2026-10-25T02:30:00+01:00); name a time that is neither skipped nor repeated there, or the zone Etc/UTC\n",
        ),
        (
            vec![
                "--schedule",
                "@daily",
                "--at",
                "2026-11-24T12:00:00+02:00",
                "--count",
                "2",
            ],
            "2026-11-25T00:00:00Z\n2026-11-26T00:00:00Z\n",
        ),
        (
            vec![
                "--schedule",
                "TZ=Asia/Kolkata @monthly",
                "--at",
                "2026-11-24T12:00:00Z",
                "--count",
                "1",
            ],
            "2026-12-01T00:00:00+05:30\n",
        ),
        (
            vec![
                "--schedule",
                "@every 1h30m",
                "--at",
                "2026-11-24T12:00:00.9Z",
                "--count",
                "2",
            ],
            "2026-11-24T13:30:00Z\n2026-11-24T15:00:00Z\n",
        ),
    ] {
        let (status, out, words) = backup(&arguments, "");
        assert_eq!((status, out.as_str(), words.as_str()), (0, wanted, ""), "{arguments:?}");
    }
    assert_eq!(
        backup(&["--schedule", "* * * * *"], "").1.lines().count(),
        5,
        "as many as nobody asked for"
    );
}

#[test]
fn a_path_is_rendered_as_the_operator_does() {
    let at = ["--at", "2026-11-24T12:00:00Z"];
    for (arguments, wanted) in [
        (
            vec!["--path", "/a/{{ now | date \"2006.01.02-15:04:05\" }}.sql"],
            "/a/2026.11.24-12:00:00.sql\n",
        ),
        (
            vec!["--path", "/{{ now | date \"15\" }}", "--time-zone", "Asia/Tokyo"],
            "/21\n",
        ),
        (vec!["--path", "no {{ \"path\" }}", "--raw"], "no path\n"),
        (
            vec![
                "--path",
                "/{{ .namespace }}/{{ .name }}-{{ .scheduledTime.Format \"02\" }}",
                "--namespace",
                "shop",
                "--name",
                "db",
            ],
            "/shop/db-24\n",
        ),
        (
            vec![
                "--path",
                "/{{ range .a }}{{ add . 1 }}{{ end }}{{ .b.c }}",
                "--data",
                r#"{"a": [1, 2], "b": {"c": "x"}}"#,
            ],
            "/23x\n",
        ),
        (
            vec![
                "--schedule",
                "@weekly",
                "--count",
                "1",
                "--path",
                "/{{ now | date \"0102\" }}",
            ],
            "2026-11-29T00:00:00Z  /1129\n",
        ),
    ] {
        let all: Vec<_> = arguments.iter().chain(&at).copied().collect();
        assert_eq!(backup(&all, ""), (0, wanted.into(), String::new()), "{arguments:?}");
    }
}

#[test]
fn a_refusal_goes_to_standard_error_with_a_caret_and_status_one() {
    for (arguments, words, caret) in [
        (
            vec!["--schedule", "0 25 * * *"],
            "schedule: hour \"25\": is not within 0 to 23",
            "  0 25 * * *\n    ^\n",
        ),
        (
            vec!["--schedule", "@dayly"],
            "schedule: \"@dayly\" is not known",
            "  @dayly\n  ^\n",
        ),
        (
            vec!["--schedule", "@daily", "--time-zone", "Mars/Olympus"],
            "time zone: ",
            "",
        ),
        (
            vec!["--path", "/{{ nope }}"],
            "path: line 1, column 5: ",
            "  /{{ nope }}\n      ^\n",
        ),
        (
            vec!["--path", "relative"],
            "path: \"relative\" does not begin with /",
            "",
        ),
        (vec!["--schedule", "0 0 30 2 *"], "no tick within five years", ""),
        (vec!["--path", "/x", "--time-zone", "Nowhere"], "--time-zone: ", ""),
    ] {
        let (status, out, said) = backup(&arguments, "");
        assert_eq!((status, out.as_str()), (1, ""), "{arguments:?}");
        assert!(said.contains(words) && said.ends_with(caret), "{arguments:?}: {said}");
    }
    // Both faults at once.
    let (_, _, said) = backup(&["--schedule", "x", "--path", "/{{"], "");
    assert!(said.contains("schedule: ") && said.contains("path: "), "{said}");
    // What is wrong with the call itself.
    for arguments in [
        vec![],
        vec!["--count", "0", "--path", "/x"],
        vec!["--at", "today", "--path", "/x"],
    ] {
        assert_eq!(backup(&arguments, "").0, 2, "{arguments:?}");
    }
}

const MANIFEST: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: backup-operator.io/v1
kind: BackupSchedule
metadata: {name: hourly, namespace: shop}
spec:
  schedule: "0 * * * *"
  timeZone: Europe/Berlin
  suspend: true
  template:
    spec:
      storage: {name: s, path: '/{{ now | date "15" }}-{{ .schedule }}'}
      backup: {command: [dump]}
      template: {spec: {containers: [{name: a, image: b}]}}
---
apiVersion: backup-operator.io/v1
kind: BackupSchedule
metadata: {name: wrong}
spec:
  schedule: "0 99 * * *"
  template:
    spec:
      storage: {name: s, path: x}
      backup: {command: [dump], container: b}
      template: {spec: {containers: [{name: a, image: b}]}}
"#;

#[test]
fn each_schedule_of_a_manifest_is_shown_and_each_fault_said() {
    let arguments = ["-f", "-", "--at", "2026-11-24T12:30:00Z", "--count", "2"];
    let (status, out, said) = backup(&arguments, MANIFEST);
    assert_eq!(status, 1);
    assert_eq!(
        out,
        "shop/hourly (suspended: none of these is run)\n2026-11-24T14:00:00+01:00  /13-hourly\n2026-11-24T15:00:00+01:00  /14-hourly\n"
    );
    for words in [
        "wrong: schedule: hour \"99\"",
        "  0 99 * * *\n    ^",
        "spec.template.spec.backup.container",
        "does not begin with /",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let (status, _, said) = backup(&["-f", "-"], "kind: Pod\n");
    assert_eq!(status, 1);
    assert!(said.contains("no BackupSchedule"), "{said}");
    assert_eq!(backup(&["-f", "/does/not/exist"], "").0, 1);
}

/// A schedule with a retention.
fn kept(schedule: &str, retention: &str) -> String {
    format!(
        "apiVersion: backup-operator.io/v1\nkind: BackupSchedule\nmetadata: {{name: orders, namespace: shop}}\nspec:\n  schedule: \"{schedule}\"\n  timeZone: Europe/Berlin\n{retention}  template:\n    spec:\n      backup: {{command: [dump]}}\n      storage: {{name: s, path: \"/{{{{ .name }}}}\"}}\n      template: {{spec: {{containers: [{{name: main, image: \"db:1\"}}]}}}}\n"
    )
}

#[test]
fn what_a_year_of_a_retention_keeps_is_shown_with_the_rules_that_keep_it() {
    let arguments = ["--retention", "-f", "-", "--at", "2026-01-01T12:00:00Z"];
    let manifest = kept(
        "0 3 * * *",
        "  retention: {last: 1, weekly: 2, monthly: 3, yearly: 3}\n",
    );
    let (status, out, error) = backup(&arguments, &manifest);
    assert_eq!(
        (status, out.as_str(), error.as_str()),
        (
            0,
            "shop/orders: of 365 backups from 2026-01-01T13:00:00+01:00 to 2027-01-01T03:00:00+01:00, these are kept:\n\
             2027-01-01T03:00:00+01:00  last, weekly, monthly, yearly\n\
             2026-12-31T03:00:00+01:00  monthly, yearly\n\
             2026-12-27T03:00:00+01:00  weekly\n\
             2026-11-30T03:00:00+01:00  monthly\n\
             2026-01-02T03:00:00+01:00  yearly (oldest)\n\
             5 kept: last 1, weekly 2, monthly 3, yearly 3\n",
            ""
        )
    );
    let (status, out, _) = backup(&[&arguments[..], &["-o", "json"]].concat(), &manifest);
    let all: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (status, &all[0]["kept"]["total"], &all[0]["made"]),
        (0, &5.into(), &365.into())
    );
    assert_eq!(all[0]["backups"][4]["asOldest"], serde_json::json!(["yearly"]));
    // What keeps a backup is no rule.
    let (_, out, _) = backup(
        &arguments,
        &kept("0 3 * * *", "  retention: {last: 1, minSuccessful: 2}\n"),
    );
    assert!(
        out.contains("2026-12-31T03:00:00+01:00  minSuccessful\n2 kept: last 1\n"),
        "{out}"
    );
}

#[test]
fn a_retention_that_is_none_or_cannot_be_read_is_said_as_that() {
    let arguments = ["--retention", "-f", "-", "--at", "2026-01-01T12:00:00Z"];
    for (retention, wanted) in [
        (
            "",
            (
                0,
                "shop/orders: keeps by number, the newest 3 (spec.successfulRunsHistoryLimit); spec.retention is not given\n",
                "",
            ),
        ),
        (
            "  retention: {within: 1w}\n",
            (
                1,
                "",
                "shop/orders: spec.retention.within: must be years, months, days and hours",
            ),
        ),
    ] {
        let (status, out, error) = backup(&arguments, &kept("0 3 * * *", retention));
        assert_eq!((status, out.as_str()), (wanted.0, wanted.1));
        assert!(error.starts_with(wanted.2), "{error}");
    }
    assert_eq!(backup(&["--retention", "--schedule", "@daily"], "").0, 2);
    assert_eq!(backup(&["-f", "-", "-o", "json"], "").0, 2);
}
