//! The page on a real API server without nodes, asked over HTTP as a browser does. `make test` names the server in NODE_BIN.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[allow(dead_code, reason = "what the verbs' tests use of it")]
#[path = "verbs/program.rs"]
mod program;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use program::{Backup, NOW, Place, good, run, schedule, spec, transfer};
use serde_json::json;
use servers::ApiServer;

/// One request on a connection of its own: the head and the body of its answer.
fn ask(port: u16, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let length = body.len();
    write!(
        stream,
        "{head}\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let found = text.split_once(before).and_then(|(_, rest)| rest.split_once(after));
    found.unwrap_or_else(|| panic!("no {before:?} in {text}")).0
}

/// The page of one call of `ui`, as a browser that was let in asks it.
struct Page {
    port: u16,
    cookie: String,
}

impl Page {
    fn open(program: &mut Backup) -> Self {
        let address = program.line("http://127.0.0.1:");
        let port = between(&address, "http://127.0.0.1:", "/").parse().unwrap();
        let token = address.split_once("token=").unwrap().1.trim();
        let welcome = ask(port, &format!("GET /?token={token} HTTP/1.1"), "");
        assert!(welcome.starts_with("HTTP/1.1 303"), "{welcome}");
        let cookie = between(&welcome, "set-cookie: ", ";").to_string();
        Self { port, cookie }
    }

    fn get(&self, path: &str) -> String {
        ask(
            self.port,
            &format!("GET {path} HTTP/1.1\r\nCookie: {}", self.cookie),
            "",
        )
    }

    fn post(&self, path: &str, body: &str) -> String {
        ask(
            self.port,
            &format!("POST {path} HTTP/1.1\r\nCookie: {}", self.cookie),
            body,
        )
    }
}

#[test]
fn a_page_shows_and_does_what_the_verbs_do_and_no_more_than_its_user_may() {
    let kinds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/crds.yaml");
    let server = &ApiServer::start(&kinds);
    does_what_the_verbs_do(server);
    whoever_may_only_look(server);
}

/// Where one sees and changes nothing: what is not theirs is off, and refused in the API server's words where it is pressed all the same.
fn whoever_may_only_look(server: &ApiServer) {
    let place = Place::new(server, "look");
    let mut made = run("shop-1", &spec());
    made["metadata"]["labels"] = json!({"backup-operator.io/schedule": "shop"});
    let looks = json!([
        {"apiGroups": ["backup-operator.io"], "resources": ["backupschedules", "backupruns"], "verbs": ["get", "list", "watch"]}
    ]);
    place.create(&[
        schedule("shop"),
        made,
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "viewer"}}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "view"}, "rules": looks}),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "view"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "view"},
            "subjects": [{"kind": "ServiceAccount", "name": "viewer"}],
        }),
    ]);
    place.status("backuprun", "shop-1", good("2026-01-31T03:01:00Z"));
    let viewer = "system:serviceaccount:look:viewer";
    server.until_may(&format!("list backupruns.backup-operator.io -n look --as {viewer}"));
    let mut program = place.backup(&["ui", "--as", viewer]);
    let page = Page::open(&mut program);

    let fleet = page.get("/");
    let csrf = between(&fleet, "name=\"csrf\" value=\"", "\"").to_string();
    for (path, off, words) in [
        ("/", "Back up now", "You may not change schedules in namespace look"),
        (
            "/schedules/look/shop",
            "Back up now",
            "You may not change schedules in namespace look",
        ),
        ("/runs/look/shop-1", "Keep", "You may not change runs in namespace look"),
        (
            "/runs/look/shop-1/restore",
            "Restore",
            "You may not change runs in namespace look",
        ),
    ] {
        let said = page.get(path);
        assert!(
            said.starts_with("HTTP/1.1 200") && said.contains(words),
            "{path}: {said}"
        );
        let button = said.split("<button").find(|one| one.contains(&format!(">{off}<")));
        let button = button.unwrap_or_else(|| panic!("{path} has no button {off:?}: {said}"));
        assert!(
            button.split('>').next().unwrap().contains("disabled"),
            "{path}: {button}"
        );
    }
    let run = page.get("/runs/look/shop-1");
    assert!(
        !run.contains("Restore...") && run.contains("you may not see Events"),
        "{run}"
    );

    let version = place.get("backuprun", "shop-1")["metadata"]["resourceVersion"].clone();
    let body = format!("csrf={csrf}&on=true&version={}", version.as_str().unwrap());
    for (path, what) in [
        ("/schedules/look/shop/run", "cannot patch resource"),
        ("/runs/look/shop-1/keep", "cannot patch resource"),
        ("/runs/look/shop-1/restore", "cannot patch resource"),
    ] {
        let said = page.post(path, &body);
        let refused = said.starts_with("HTTP/1.1 403") && said.contains(viewer) && said.contains(what);
        assert!(refused && said.contains("kubectl auth can-i"), "{path}: {said}");
    }
    let storages = page.get("/storages");
    assert!(
        storages.starts_with("HTTP/1.1 403") && storages.contains(viewer),
        "{storages}"
    );
    let after = &place.get("backuprun", "shop-1")["metadata"];
    assert!(
        after["annotations"].is_null() && after["resourceVersion"] == version,
        "{after}"
    );
}

/// Whose rights are all.
fn does_what_the_verbs_do(server: &ApiServer) {
    let place = Place::new(server, "page");
    let mut made = run("shop-1", &spec());
    made["metadata"]["labels"] = json!({"backup-operator.io/schedule": "shop"});
    let mut busy = run("shop-2", &spec());
    busy["metadata"]["labels"] = json!({"backup-operator.io/schedule": "shop"});
    place.create(&[schedule("shop"), made, busy]);
    place.status("backuprun", "shop-1", good("2026-01-31T03:01:00Z"));
    place.status(
        "backuprun",
        "shop-2",
        json!({"transfer": transfer("backup-1", true), "message": "<b>bold</b>"}),
    );
    place.status(
        "backupschedule",
        "shop",
        json!({"recentBytes": [1024, 2048], "lastSuccessfulTime": NOW}),
    );

    let mut program = Backup::start(server.kubeconfig(), &["ui"]);
    let page = Page::open(&mut program);
    let (port, cookie) = (page.port, page.cookie.clone());
    let get = |path: &str| page.get(path);
    let post = |path: &str, body: &str| page.post(path, body);

    let fleet = get("/");
    for words in ["/schedules/page/shop", ">in time<", "<polyline", "Back up now"] {
        assert!(fleet.contains(words), "{words:?} is not in {fleet}");
    }
    let csrf = between(&fleet, "name=\"csrf\" value=\"", "\"").to_string();
    let one = get("/schedules/page/shop");
    assert!(
        one.contains("/runs/page/shop-1/restore") && one.contains("2 runs are kept"),
        "{one}"
    );
    let under_way = get("/runs/page/shop-2");
    assert!(
        under_way.contains("&lt;b&gt;bold") && under_way.contains("data-events"),
        "{under_way}"
    );
    assert!(!under_way.contains("disabled"), "{under_way}");
    let unverified = post("/runs/page/shop-1/verify", &format!("csrf={csrf}"));
    assert!(
        unverified.starts_with("HTTP/1.1 502") && unverified.contains("it has no good backup"),
        "{unverified}"
    );
    assert!(get("/storages").contains("Size by namespace"));
    assert!(get("/runs/page/none").starts_with("HTTP/1.1 404"));

    let shown = get("/runs/page/shop-1/restore");
    assert!(
        shown.contains("psql shop") && shown.contains("PGHOST=postgresql"),
        "{shown}"
    );
    let version = between(&shown, "name=\"version\" value=\"", "\"").to_string();
    let old = post("/runs/page/shop-1/restore", &format!("csrf={csrf}&version=1"));
    assert!(old.starts_with("HTTP/1.1 409"), "{old}");
    let done = post("/runs/page/shop-1/keep", &format!("csrf={csrf}&on=true"));
    assert!(done.starts_with("HTTP/1.1 303"), "{done}");
    place.annotated("backuprun", "shop-1", "backup-operator.io/keep");
    let changed = post("/runs/page/shop-1/restore", &format!("csrf={csrf}&version={version}"));
    assert!(changed.starts_with("HTTP/1.1 409"), "{changed}");
    let again = get("/runs/page/shop-1/restore");
    let version = between(&again, "name=\"version\" value=\"", "\"").to_string();
    let done = post("/runs/page/shop-1/restore", &format!("csrf={csrf}&version={version}"));
    assert!(done.starts_with("HTTP/1.1 303"), "{done}");
    place.annotated("backuprun", "shop-1", "backup-operator.io/restore");
    post("/runs/page/shop-2/cancel", &format!("csrf={csrf}"));
    place.annotated("backuprun", "shop-2", "backup-operator.io/cancel");
    post("/schedules/page/shop/run", &format!("csrf={csrf}"));
    place.annotated("backupschedule", "shop", "backup-operator.io/trigger");

    // The run that is under way is told as it changes.
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    write!(
        stream,
        "GET /runs/page/shop-2/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n\r\n"
    )
    .unwrap();
    let mut until = |words: &str| {
        let mut seen = String::new();
        let mut bytes = [0; 4096];
        while !seen.contains(words) {
            let n = stream.read(&mut bytes).unwrap();
            assert!(n > 0, "{words:?} was not told, but {seen}");
            seen.push_str(&String::from_utf8_lossy(&bytes[..n]));
        }
    };
    until("event: progress");
    place.status("backuprun", "shop-2", good("2026-01-31T03:02:00Z"));
    until("event: ended");
    program.interrupt();
    let (status, text) = program.ends();
    assert_eq!(status, 0, "{text}");
}
