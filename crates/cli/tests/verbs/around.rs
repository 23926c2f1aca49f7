//! What is around the verbs: versions, completion, and terminals.
use std::io::Read;
use std::process::{Command, Stdio};

use serde_json::json;
use servers::ApiServer;

use crate::looks::{PROGRAM, hours_ago, said, said_at, seen, shown};
use crate::program::{Place, run, schedule, spec};

pub fn version(server: &ApiServer) {
    let place = Place::new(server, "version");
    let own = env!("CARGO_PKG_VERSION");
    assert_eq!(shown(server, &["version", "--client"]), format!("client     {own}\n"));
    let asked = ["version", "--operator-namespace", "version"];
    let out = shown(server, &asked);
    for words in [
        format!("client     {own}\ncluster    v"),
        "kinds      backupdrills, backupruns, backupschedules, backupstorages of backup-operator.io/v1\n".into(),
        "no operator was found".into(),
    ] {
        assert!(out.contains(&words), "{words:?} is not in:\n{out}");
    }
    assert!(
        !out.contains("lacks") && !out.contains("skew"),
        "the kinds are those of this program:\n{out}"
    );
    let labels = json!({"app.kubernetes.io/name": "backup-operator"});
    place.create(&[json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "operator", "labels": labels},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels}, "spec": {"containers": [{"name": "operator", "image": "registry:5000/operator:v99.0.0"}]},
        }},
    })]);
    let out = shown(server, &asked);
    assert!(
        out.contains("operator   99.0.0, version/operator, image registry:5000/operator:v99.0.0, 0 of 2 ready\n")
            && out.contains("the operator is newer than this program"),
        "{out}"
    );
    let out = shown(server, &[&asked[..], &["--as", "nobody"]].concat());
    assert!(
        out.contains("you may not see the operator") && out.contains("you may not see the CRDs"),
        "{out}"
    );
}

pub fn completed(server: &ApiServer) {
    let place = Place::new(server, "completed");
    place.create(&[schedule("nightly"), run("nightly-1", &spec()), run("other", &spec())]);
    for (words, wanted) in [
        (&["describe", "-n", "completed", "nig"][..], "nightly-1\n:4\n"),
        (
            &["list", "runs", "--namespace=completed", "--schedule", ""],
            "nightly\n:4\n",
        ),
        (&["list", "-n", "complet"], "completed\n:4\n"),
    ] {
        assert_eq!(shown(server, &[&["__complete"], words].concat()), wanted, "{words:?}");
    }
    // A cluster that does not answer has no names, and nobody who pressed Tab is told why.
    let (code, out, error) = seen(server, &["__complete", "describe", "--kubeconfig", "/none", "d"]);
    assert_eq!((code, out.as_str(), error.as_str()), (0, ":4\n", ""));
    // kubectl asks by a program of its own name in PATH.
    let folder = tempfile::tempdir().unwrap();
    let asked = folder.path().join("kubectl_complete-backup");
    std::fs::write(&asked, shown(server, &["completion", "kubectl"])).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&asked, executable).unwrap();
    std::os::unix::fs::symlink(PROGRAM, folder.path().join("kubectl-backup")).unwrap();
    let others = std::env::var_os("PATH").unwrap();
    let path = std::iter::once(folder.path().to_path_buf()).chain(std::env::split_paths(&others));
    let output = Command::new(server.program())
        .args(["__complete", "backup", "describe", "-n", "completed", "oth"])
        .env("KUBECONFIG", server.kubeconfig())
        .env("PATH", std::env::join_paths(path).unwrap())
        .output();
    let (code, out, error) = said(output.unwrap());
    assert!(code == 0 && out.starts_with("other\n"), "{out}{error}");
}

pub fn on_a_terminal(server: &ApiServer) {
    let place = Place::new(server, "terminal");
    place.create(&[schedule("broken")]);
    let words = "spec.template is wrong, and much is to be said of it";
    let invalid = said_at("Ready", "False", "Invalid", words, &hours_ago(2));
    place.status("backupschedule", "broken", json!({ "conditions": [invalid] }));
    let script = |line: &str| {
        let mut command = Command::new("script");
        let line = format!("stty cols 70 rows 20; exec {PROGRAM} {line} -n terminal");
        command.args(["-qec", &line, "/dev/null"]);
        command
            .env("KUBECONFIG", server.kubeconfig())
            .env("TERM", "xterm")
            .env_remove("NO_COLOR");
        command
    };
    let coloured = said(script("status").output().unwrap()).1;
    assert!(coloured.contains("\u{1b}[31mnever\u{1b}[0m"), "{coloured:?}");
    let plain = said(script("status").env("NO_COLOR", "1").output().unwrap()).1;
    let mut lines = plain.lines().map(str::trim_end);
    assert!(
        !plain.contains('\u{1b}') && lines.all(|line| line.starts_with("try: ") || line.chars().count() <= 70),
        "{plain:?}"
    );
    assert!(plain.contains(&format!("    Invalid: {words}")), "{plain:?}");
    // A watched list is painted over itself, each time that something has changed.
    let mut watch = script("list --watch")
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut screen = watch.stdout.take().unwrap();
    let (mut painted, mut made) = (String::new(), false);
    let mut bytes = [0; 4096];
    while !painted.contains("later") {
        let read = screen.read(&mut bytes).unwrap();
        assert!(read > 0 && painted.matches("\u{1b}[H").count() < 10, "{painted:?}");
        painted.push_str(&String::from_utf8_lossy(&bytes[..read]));
        if painted.contains("broken") && !made {
            place.create(&[schedule("later")]);
            made = true;
        }
    }
    watch.kill().unwrap();
    watch.wait().unwrap();
    let last = painted.rsplit("\u{1b}[H").next().unwrap();
    assert!(last.contains("LAST GOOD") && last.contains("broken"), "{painted:?}");
}
