//! The page of `kubectl backup ui` as people use it: in a real browser, with the real operator.
#[path = "ui/browser.rs"]
mod browser;

use std::time::{Duration, Instant};

use api::{condition, labels};
use browser::Browser;
use e2e::kubectl::plugin;
use e2e::runs::{is, status, stream};
use e2e::schedules::NEVER;
use e2e::{Case, case};
use kube::ResourceExt;
use serde_json::{Value, json};
use servers::Program;

/// Until the page is served.
const SOON: Duration = Duration::from_secs(60);

/// The page of a case's namespace, and the address that lets in.
async fn serve(case: &Case, folder: &tempfile::TempDir) -> (Program, String) {
    let endpoint = format!("http://{}", case.store().host());
    let command = plugin(&["ui", "-n", case.namespace(), "--endpoint", &endpoint]);
    let arguments: Vec<_> = command.get_args().map(|a| a.to_string_lossy().into_owned()).collect();
    let environment: Vec<_> = command
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_str()?, value?.to_str()?)))
        .collect();
    let program = std::path::Path::new(command.get_program());
    let mut page = Program::start("page", program, &arguments, &environment, folder.path());
    let until = Instant::now() + SOON;
    loop {
        let log = page.log();
        if let Some(url) = log.lines().find(|line| line.starts_with("http://127.0.0.1:")) {
            return (page, url.to_string());
        }
        assert!(page.is_alive() && Instant::now() < until, "no page: {log}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A mark that a page loses when it is loaded again.
async fn mark(browser: &Browser) {
    browser.script("window.marked = 'here'").await;
}

async fn is_marked(browser: &Browser) -> bool {
    browser.script("return window.marked === 'here'").await == Value::Bool(true)
}

/// What writes to its standard error while it works, a line each time that it has written a part.
/// Its restore takes long enough to be seen by a browser on a busy machine.
fn loud(case: &Case, name: &str, seconds: u32) -> Value {
    let mut spec = stream(&case.path(name), "wait");
    let command = format!(
        "i=0; while [ $i -lt {seconds} ]; do echo part-$i >&2; head -c 100000 /dev/urandom; sleep 1; i=$((i+1)); done"
    );
    spec["backup"] = json!({"command": ["sh", "-c", command]});
    spec["restore"] = json!({"command": ["sh", "-c", "cat >/dev/null; sleep 30; echo restored-all >&2"]});
    spec["template"]["spec"]["containers"] = json!([e2e::runs::sleeping("redis:7")]);
    spec
}

#[test]
fn a_backup_is_made_watched_verified_kept_and_restored_in_a_browser() {
    case("ui-works", |case| async move {
        case.schedule("shop", json!({"schedule": NEVER}), loud(&case, "{{ .name }}", 60))
            .await;
        let folder = tempfile::tempdir().expect("a folder");
        let (_page, url) = serve(&case, &folder).await;
        let browser = Browser::open().await;
        browser.goto(&url).await;
        let shop = format!("{}/shop", case.namespace());
        browser.shows(&["Schedules", &shop, "never"]).await;
        assert!(!browser.url().await.contains("token"), "the token stays in the address");

        // Its page shows the run as soon as it is there, without being loaded again.
        browser.click("button", "Back up now").await;
        browser.shows(&[&format!("Runs at {NEVER}")]).await;
        mark(&browser).await;
        browser.shows(&["under way"]).await;
        assert!(is_marked(&browser).await, "the page was loaded again");
        let run = case.runs_of("shop").await.remove(0);
        let name = run.name_any();
        case.keeps(&name);

        // The run is followed: the words of its command while it runs, then its end.
        browser.click("a", &name).await;
        browser.shows(&["Standard error of the command, live", "part-1"]).await;
        let run = case.runs().get(&name).await.expect("the run");
        assert!(!is(&run, condition::SUCCESSFUL), "it was seen after its end only");
        mark(&browser).await;
        browser
            .shows(&["good", "The end of the command's standard error", "part-59"])
            .await;
        assert!(is_marked(&browser).await, "the page was loaded again");
        let run = case.succeeded(&name, 60).await;

        browser.click("button", "Verify").await;
        assert!(status(&run).sha256.is_some());
        browser.shows(&["Verified", "whole", "hash as expected"]).await;

        browser.click("button", "Keep").await;
        browser.shows(&["Do not keep"]).await;
        let kept = case.runs().get(&name).await.expect("the run");
        assert!(kept.annotations().contains_key(labels::KEEP));

        // Nothing is restored before somebody has seen what, and over what.
        browser.click("a", "Restore...").await;
        browser
            .shows(&["This writes over what is there.", "restored-all"])
            .await;
        browser.click("a", "No, go back").await;
        browser.click("a", "Restore...").await;
        let before = case.runs().get(&name).await.expect("the run");
        assert!(!before.annotations().contains_key(labels::RESTORE));
        browser.click("button", "Restore").await;
        browser.shows(&["restoring", "what it has applied stays applied"]).await;
        mark(&browser).await;
        case.restore_ended(&name, 1, 90).await;
        browser.shows(&["good", "restored-all", "RestoreSuccessful"]).await;
        assert!(is_marked(&browser).await, "the page was loaded again");
    });
}

#[test]
fn a_backup_is_made_and_cancelled_with_the_keyboard_alone() {
    case("ui-keys", |case| async move {
        let run = stream(&case.path("{{ .name }}"), "slow random 200M 200");
        case.schedule("shop", json!({"schedule": NEVER}), run).await;
        let folder = tempfile::tempdir().expect("a folder");
        let (_page, url) = serve(&case, &folder).await;
        let browser = Browser::open().await;
        browser.goto(&url).await;
        browser.press_by_keyboard("Back up now").await;
        browser.shows(&["under way"]).await;
        let name = case.runs_of("shop").await.remove(0).name_any();
        browser.press_by_keyboard(&name).await;
        case.until(&name, "has an upload", 100, |run| status(run).transfer?.upload_id)
            .await;
        browser.press_by_keyboard("Cancel").await;
        case.failed(&name, "Cancelled", 60).await;
        browser.shows(&["failed", "Cancelled"]).await;
        case.assert_no_upload().await;
    });
}

#[test]
fn each_page_can_be_used_by_everybody_in_light_and_dark_and_on_a_telephone() {
    case("ui-looks", |case| async move {
        case.keeps("db");
        case.schedule(
            "a-schedule-with-a-name-that-is-too-long-for",
            json!({"schedule": NEVER}),
            stream(&case.path("x"), "random 10"),
        )
        .await;
        let mut of_shop = stream(&case.path("db"), "random 100000");
        of_shop["restore"] = json!({"command": ["/stream", "sum"]});
        let run = case.backup("db", of_shop).await;
        case.start("bad", stream(&case.path("bad"), "fail 3 random 10")).await;
        case.failed("bad", "CommandFailed", 90).await;
        case.start("busy", stream(&case.path("busy"), "hang random 12M")).await;
        case.until("busy", "has an upload", 100, |run| status(run).transfer?.upload_id)
            .await;
        let folder = tempfile::tempdir().expect("a folder");
        let (_page, url) = serve(&case, &folder).await;
        let browser = Browser::open().await;
        browser.goto(&url).await;
        // What is looked for is found where it is.
        browser.script("document.documentElement.removeAttribute('lang')").await;
        let faults = browser.faults().await;
        assert_eq!(faults[0]["id"], json!("html-has-lang"), "{faults}");

        let home = url.split_once("/?").expect("a token").0;
        let namespace = case.namespace();
        // An object that somebody has put other bytes into is not called whole.
        case.store().put(&case.key("db"), &[7; 100_000]);
        browser.goto(&format!("{home}/runs/{namespace}/db")).await;
        browser.click("button", "Verify").await;
        browser.shows(&["Verified", "replaced", "etag"]).await;
        assert!(!browser.text().await.contains("whole"));
        for (page, words) in [
            ("/".to_string(), "Schedules"),
            ("/storages".into(), "Size by namespace"),
            (
                format!("/schedules/{namespace}/a-schedule-with-a-name-that-is-too-long-for"),
                "The last 90 days",
            ),
            (format!("/runs/{namespace}/{}", run.name_any()), "What is known"),
            (format!("/runs/{namespace}/bad"), "failed"),
            (format!("/runs/{namespace}/busy"), "under way"),
            (
                format!("/runs/{namespace}/{}/restore", run.name_any()),
                "This writes over what is there.",
            ),
            ("/nothing".into(), "There is no such page."),
        ] {
            browser.goto(&format!("{home}{page}")).await;
            browser.shows(&[words]).await;
            browser.assert_well_made(&page).await;
        }
        e2e::cluster::annotate(&case.runs(), "busy", labels::CANCEL, Some("now")).await;
        case.failed("busy", "Cancelled", 60).await;
    });
}
