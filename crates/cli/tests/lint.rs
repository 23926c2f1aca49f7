//! `kubectl backup lint`, as people call it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use testing::manifests::bad;

/// Status, standard output, standard error.
fn lint(arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kubectl-backup"))
        .arg("lint")
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

/// A run, with lines put below its spec.
fn a_run(more: &str) -> String {
    format!(
        "apiVersion: backup-operator.io/v1\nkind: BackupRun\nmetadata: {{name: r}}\nspec:\n  backup: {{command: [dump], deadlineSeconds: 60}}\n  storage: {{name: s, path: /a}}\n  template: {{spec: {{containers: [{{name: a, image: b}}]}}}}\n{more}"
    )
}

#[test]
fn every_bad_manifest_is_refused_in_the_words_of_the_table() {
    let all = bad();
    // One call for all: each is a document of its own, on one line.
    let manifest: String = all.iter().map(|b| format!("---\n{}\n", b.object)).collect();
    let (status, out, said) = lint(&["-f", "-"], &manifest);
    assert_eq!(status, 1, "{said}");
    let wrong: Vec<_> = all
        .iter()
        .enumerate()
        .filter_map(|(index, bad)| {
            let place = format!("-:{} {}/", index * 2 + 2, bad.object["kind"].as_str().unwrap());
            let errors = |l: &&str| l.starts_with(&place) && !l.contains(": warning: ");
            let lines: Vec<_> = out.lines().filter(errors).collect();
            let right = lines.len() == 1 && lines[0].contains(&bad.says);
            (!right).then(|| {
                format!(
                    "{} ({}): {:?} is not what is said in {lines:#?}",
                    bad.place, bad.rule, bad.says
                )
            })
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        all.len(),
        wrong.join("\n")
    );
    assert!(
        said.starts_with(&format!("{} objects checked, 0 passed over", all.len())),
        "{said}"
    );
}

#[test]
fn every_example_passes_and_the_placeholder_does_not() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 8);
    // All at once, so that runs are held against the storage, too: the placeholder is all there is to say.
    let all: Vec<_> = std::iter::once("-f")
        .chain(files.iter().map(|f| f.to_str().unwrap()))
        .collect();
    let (_, out, said) = lint(&all, "");
    assert!(
        out.lines().count() == 2 && said.ends_with("2 errors, 0 warnings\n"),
        "{out}{said}"
    );
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        let right = text.replace(
            "age1-your-public-key",
            "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
        );
        let right = right.replace(
            "age1-the-one-in-your-safe",
            "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa",
        );
        let (status, out, said) = lint(&["--strict", "-f", "-"], &right);
        assert_eq!((status, said.as_str()), (0, ""), "{}: {out}", file.display());
        assert!(out.ends_with("0 errors, 0 warnings\n"), "{}: {out}", file.display());
        if right != text {
            let (status, out, _) = lint(&["-f", file.to_str().unwrap()], "");
            assert!(
                status == 1 && out.contains("spec.template.spec.encryption.recipients[0]"),
                "{out}"
            );
        }
    }
}

#[test]
fn all_faults_of_all_layers_are_said_at_once_with_the_line_of_the_document() {
    let manifest = format!(
        "# a comment\n---\n# another\n{}---\nkind: ConfigMap\napiVersion: v1\n---\n{}",
        a_run(
            "  compression: {lvl: 3, level: high}\n  startDeadlineSeconds: 0\n  restore: {command: [load], container: other}\n"
        ),
        a_run("  backoffLimit: 1\n"),
    );
    let (status, out, said) = lint(&["-f", "-"], &manifest);
    assert_eq!(
        out.lines().collect::<Vec<_>>(),
        [
            "-:4 BackupRun/r: spec.compression.level: must be of type integer, it is \"high\"",
            "-:4 BackupRun/r: spec.compression.lvl: unknown field; did you mean level?",
            "-:4 BackupRun/r: spec.startDeadlineSeconds: should be greater than or equal to 1; has to be at least 1; leave it out for 600",
            "-:4 BackupRun/r: spec.restore.container: there is no container other in template.spec.containers; correct it, or leave it out for the first one, which is a",
            "-:4 BackupRun/r: warning: spec.restore.deadlineSeconds: is not given, so that a command that hangs goes on for ever and nobody is told; give it a few times what the command takes, as in 3600",
        ],
    );
    assert_eq!(
        (status, said.as_str()),
        (1, "2 objects checked, 1 passed over: 4 errors, 1 warning\n")
    );
}

#[test]
fn warnings_count_with_strict_only() {
    let manifest = a_run("  restore: {command: [load]}\n");
    let (status, out, said) = lint(&["-f", "-"], &manifest);
    assert_eq!((status, said.as_str()), (0, ""));
    assert!(
        out.contains("warning: spec.restore.deadlineSeconds") && out.ends_with("0 errors, 1 warning\n"),
        "{out}"
    );
    let (status, _, said) = lint(&["--strict", "-f", "-"], &manifest);
    assert_eq!(
        (status, said.as_str()),
        (1, "1 object checked, 0 passed over: 0 errors, 1 warning\n")
    );
}

#[test]
fn a_run_is_held_against_the_storage_in_another_file() {
    let folder = std::env::temp_dir().join(format!("backup-lint-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (run, storage) = (folder.join("run.yaml"), folder.join("storage.json"));
    std::fs::write(&run, a_run("")).unwrap();
    std::fs::write(
        &storage,
        r#"{"apiVersion": "v1", "kind": "List", "items": [
          {"apiVersion": "backup-operator.io/v1", "kind": "BackupStorage", "metadata": {"name": "s"}, "spec": {"parameters": {"bucket": "b"}}},
          {"apiVersion": "v1", "kind": "Secret"}
        ]}"#,
    )
    .unwrap();
    let (status, out, _) = lint(&["-f", run.to_str().unwrap(), storage.to_str().unwrap()], "");
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(status, 0);
    assert!(
        out.contains("run.yaml:1 BackupRun/r: warning: spec.encryption: "),
        "{out}"
    );
    assert!(
        out.ends_with("2 objects checked, 1 passed over: 0 errors, 1 warning\n"),
        "{out}"
    );
}

#[test]
fn what_is_no_yaml_no_kind_or_no_file_is_said_and_spares_the_rest() {
    let manifest = format!(
        "a: [1\nb: 2\n---\napiVersion: backup-operator.io/v1\nkind: BackupRuns\nmetadata: {{name: x}}\n---\napiVersion: backup-operator.io/v2\nkind: BackupRun\n---\napiVersion: backup-operater.io/v1\nkind: BackupRun\n---\napiVersion: other.example.org/v1\nkind: BackupSchedule\n---\n{}",
        a_run("  retainPolcy: Delete\n"),
    );
    let (status, out, said) = lint(&["-f", "-", "/does/not/exist"], &manifest);
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(status, 1);
    assert!(lines[0].starts_with("-:2:2: not YAML: "), "{out}");
    assert_eq!(
        lines[1..4],
        [
            "-:4 BackupRuns/x: kind: \"BackupRuns\" is not known; there are BackupStorage, BackupSchedule, BackupRun, BackupDrill; did you mean BackupRun?",
            "-:8 BackupRun/(no name): apiVersion: \"backup-operator.io/v2\" is not known; backup-operator.io/v1 is",
            "-:11 BackupRun/(no name): apiVersion: \"backup-operater.io/v1\" is not known; backup-operator.io/v1 is",
        ],
    );
    assert!(lines[4].starts_with("/does/not/exist: "), "{out}");
    assert!(lines[5].contains("did you mean retainPolicy?"), "{out}");
    assert_eq!(said, "1 object checked, 1 passed over: 6 errors, 0 warnings\n");
    // What is wrong with the call itself.
    assert_eq!(lint(&[], "").0, 2);
}

#[test]
fn a_choice_that_cannot_be_read_is_not_guessed_at() {
    let (_, out, _) = lint(&["-f", "-"], &a_run("  compression: {algorithm: Zstd, level: 15}\n"));
    assert_eq!(out.lines().count(), 1, "{out}");
    assert!(out.contains("did you mean zstd?"), "{out}");
}

#[test]
fn an_object_that_the_webhook_would_not_read_is_not_called_good() {
    let words = ["a"; 1000].join(", ");
    let containers: String = (0..21)
        .map(|n| format!("{{name: c{n}, image: b, args: [{words}]}}, "))
        .collect();
    let manifest = a_run("").replace("containers: [", &format!("containers: [{containers}"));
    let (status, out, _) = lint(&["-f", "-"], &manifest);
    assert_eq!(status, 1);
    assert!(
        out.contains("spec: cannot be read: what is so large belongs into a ConfigMap or an image: there are more than 20000 values"),
        "{out}"
    );
}

#[test]
fn a_time_that_the_clocks_of_the_zone_skip_or_repeat_is_a_warning() {
    let template = a_run("").replace('\n', "\n  ");
    let spec = template.split_once("spec:").unwrap().1.trim_end();
    for (time, told) in [("30 2", true), ("30 4", false)] {
        let manifest = format!(
            "apiVersion: backup-operator.io/v1\nkind: BackupSchedule\nmetadata: {{name: s}}\nspec:\n  schedule: {time} * * *\n  timeZone: Europe/Berlin\n  template:\n    spec:{}\n",
            spec.replace("\n  ", "\n    ")
                .replace("path: /a", "path: '/{{ .name }}'")
        );
        let (status, out, said) = lint(&["-f", "-"], &manifest);
        assert_eq!((status, said.as_str()), (0, ""), "{out}");
        let words = "warning: spec.schedule: in Europe/Berlin 02:30 ";
        assert_eq!(out.contains(words), told, "{out}");
    }
}

#[test]
fn a_run_that_was_exported_is_told_of_also_with_its_uid_and_status() {
    let exported = "metadata: {name: r, uid: u-1, annotations: {backup-operator.io/started-as: u-1}}\nstatus: {state: BackupSuccessful}\n";
    let manifest = a_run("").replacen("metadata: {name: r}\n", exported, 1);
    assert!(manifest.contains("started-as"), "{manifest}");
    let (_, out, _) = lint(&["-f", "-"], &manifest);
    assert!(out.contains("started-as") && out.contains("brought back"), "{out}");
}

#[test]
fn where_no_object_is_given_nothing_is_good() {
    for input in ["", "---\n", "# only words\n"] {
        let (status, out, said) = lint(&["-f", "-"], input);
        assert_eq!(status, 1, "{input:?}");
        assert_eq!(
            out,
            "-: there is no object on standard input: did what writes it fail?\n"
        );
        assert!(said.ends_with("1 error, 0 warnings\n"), "{said}");
    }
    let (status, out, _) = lint(&["-f", "/dev/null"], "");
    assert_eq!((status, out.as_str()), (1, "there is no object in what was given\n"));
    // One of many may be empty, unless it is what another program should have written.
    let folder = testing_folder("empty");
    let whole = folder.join("run.yaml");
    std::fs::write(&whole, a_run("")).unwrap();
    let whole = whole.to_str().unwrap();
    assert_eq!(lint(&["-f", "/dev/null", whole], "").0, 0);
    assert_eq!(lint(&["-f", "-", whole], "").0, 1);
    std::fs::remove_dir_all(folder).unwrap();
}

fn testing_folder(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("lint-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn ours_are_found_without_apiversion_and_in_lists_of_one_kind() {
    let list = "apiVersion: backup-operator.io/v1\nkind: BackupRunList\nitems:\n- metadata: {name: good}\n  spec:\n    restore: {command: [load], deadlineSeconds: 60}\n    storage: {name: s, path: /a}\n    template: {spec: {containers: [{name: a, image: b}]}}\n- metadata: {name: bad}\n  spec: {}\n";
    let (status, out, said) = lint(&["-f", "-"], list);
    assert_eq!(status, 1);
    assert!(
        out.lines().all(|line| line.starts_with("-:1 items[1] BackupRun/bad: ")),
        "{out}"
    );
    assert!(said.starts_with("2 objects checked, 0 passed over"), "{said}");
    let nameless = format!(
        "{}---\nkind: BackupRunList\nitems: [{{metadata: {{name: x}}}}]\n",
        "kind: BackupSchedule\nmetadata: {name: s}\n"
    );
    let (_, out, _) = lint(&["-f", "-"], &nameless);
    assert_eq!(
        out,
        "-:1 BackupSchedule/s: apiVersion: is not given; backup-operator.io/v1 is meant\n-:4 items[0] BackupRun/x: apiVersion: is not given; backup-operator.io/v1 is meant\n"
    );
    let (status, out, _) = lint(&["-f", "-"], "- a\n---\njust words\n");
    assert_eq!(status, 1);
    assert_eq!(
        out,
        "-:1: is a list, and no object with apiVersion and kind\n-:3: is a single value, and no object with apiVersion and kind\n"
    );
}
