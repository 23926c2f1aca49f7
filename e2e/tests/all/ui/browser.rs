//! A real browser without a screen, by WebDriver; it and all that it has started go with the test, also after a failure.
use std::path::Path;
use std::time::{Duration, Instant};

use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use servers::Program;

/// Until it is there, and until a page shows what it is waited for, on a busy machine.
const SOON: Duration = Duration::from_secs(120);
/// What a page has to be without.
const GRAVE: [&str; 2] = ["serious", "critical"];
/// How wide a small telephone is.
const NARROW: u32 = 360;
const WIDE: u32 = 1100;

pub struct Browser {
    pub client: Client,
    // Gone before the folder, in this order.
    _driver: Program,
    _folder: tempfile::TempDir,
}

/// What the DevTools of Chromium can be made to do, and WebDriver cannot.
#[derive(Debug)]
struct DevTools {
    command: &'static str,
    parameters: Value,
}

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        let body = json!({"cmd": self.command, "params": self.parameters});
        (http::Method::POST, Some(body.to_string()))
    }
}

impl Browser {
    /// Opens one. In PID and mount namespaces of its own: where the driver is killed, the kernel ends all that it has started.
    pub async fn open() -> Self {
        let driver = std::env::var("CHROMEDRIVER_BIN").expect("CHROMEDRIVER_BIN is not set: run `make test`");
        let folder = tempfile::tempdir().expect("a folder");
        let home = folder.path().display().to_string();
        let arguments = [
            "--pid",
            "--fork",
            "--mount-proc",
            "--kill-child=KILL",
            &driver,
            "--port=0",
        ];
        let arguments = arguments.map(ToString::to_string);
        let environment = [("HOME", home.as_str()), ("TMPDIR", home.as_str())];
        let mut program = Program::start("driver", Path::new("unshare"), &arguments, &environment, folder.path());
        let port = port(&mut program).await;
        let profile = format!("--user-data-dir={home}/profile");
        let flags = [
            "--headless=new",
            // Root has no sandbox, and the page is our own.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            &profile,
        ];
        let capabilities: Capabilities = match json!({"goog:chromeOptions": {"args": flags}}) {
            Value::Object(map) => map,
            other => panic!("{other}"),
        };
        let address = format!("http://127.0.0.1:{port}");
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&address)
            .await;
        let client = client.unwrap_or_else(|e| panic!("no browser: {e}\n{}", program.tail()));
        let browser = Self {
            client,
            _driver: program,
            _folder: folder,
        };
        browser.width(WIDE).await;
        browser
    }

    async fn tools(&self, command: &'static str, parameters: Value) {
        let done = self.client.issue_cmd(DevTools { command, parameters }).await;
        done.unwrap_or_else(|e| panic!("{command}: {e}"));
    }

    async fn width(&self, width: u32) {
        let screen = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.tools("Emulation.setDeviceMetricsOverride", screen).await;
    }

    async fn scheme(&self, scheme: &str) {
        let wish = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.tools("Emulation.setEmulatedMedia", wish).await;
    }

    /// Goes to an address.
    pub async fn goto(&self, url: &str) {
        self.client.goto(url).await.unwrap_or_else(|e| panic!("{url}: {e}"));
    }

    /// What a script returns.
    pub async fn script(&self, script: &str) -> Value {
        let returned = self.client.execute(script, Vec::new()).await;
        returned.unwrap_or_else(|e| panic!("{script}: {e}"))
    }

    /// The address that is shown.
    pub async fn url(&self) -> String {
        self.client.current_url().await.expect("an address").to_string()
    }

    /// All words that are shown.
    pub async fn text(&self) -> String {
        let text = self.script("return document.body ? document.body.innerText : ''").await;
        text.as_str().unwrap_or_default().to_string()
    }

    /// Waits until all of these words are shown.
    pub async fn shows(&self, words: &[&str]) -> String {
        let until = Instant::now() + SOON;
        loop {
            let text = self.text().await;
            if words.iter().all(|words| text.contains(words)) {
                return text;
            }
            let missing: Vec<_> = words.iter().filter(|words| !text.contains(**words)).collect();
            assert!(
                Instant::now() < until,
                "{missing:?} are not at {}, but: {text}",
                self.url().await
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits for a button or a link by what is written on it.
    pub async fn find(&self, kind: &str, words: &str) -> Element {
        let path = format!("//{kind}[normalize-space(.)='{words}']");
        let found = self
            .client
            .wait()
            .at_most(SOON)
            .for_element(Locator::XPath(&path))
            .await;
        match found {
            Ok(element) => element,
            Err(e) => panic!("{path}: {e}; there is: {}", self.text().await),
        }
    }

    /// Clicks on it.
    pub async fn click(&self, kind: &str, words: &str) {
        // A page that is exchanged meanwhile has another one of it.
        let until = Instant::now() + SOON;
        while let Err(e) = self.find(kind, words).await.click().await {
            assert!(Instant::now() < until, "{kind} {words}: {e}");
        }
    }

    async fn press(&self, key: Key) {
        let value = char::from(key);
        let pressed = KeyActions::new("keyboard".into())
            .then(KeyAction::Down { value })
            .then(KeyAction::Up { value });
        self.client.perform_actions(pressed).await.expect("a key is pressed");
    }

    /// Presses Tab until something with these words has the focus, and Enter on it: as people do who use no mouse.
    pub async fn press_by_keyboard(&self, words: &str) {
        let focused = "const at = document.activeElement; return at ? (at.innerText || '').trim() : ''";
        for _ in 0..60 {
            if self.script(focused).await == json!(words) {
                let ring = self
                    .script("return getComputedStyle(document.activeElement).outlineStyle")
                    .await;
                assert_ne!(ring, json!("none"), "{words} does not show that it has the focus");
                return self.press(Key::Enter).await;
            }
            self.press(Key::Tab).await;
        }
        panic!("Tab does not come to {words:?}: {}", self.text().await);
    }

    /// Serious and critical faults of the page that is shown.
    pub async fn faults(&self) -> Value {
        let axe = std::env::var("AXE_JS").expect("AXE_JS is not set: run `make test`");
        let axe = std::fs::read_to_string(axe).expect("AXE_JS");
        // By the driver, and not as a script of the page: its policy stays as it is.
        self.script(&axe).await;
        let run = "const done = arguments[arguments.length - 1];
            axe.run(document, {resultTypes: ['violations']}).then(
                (found) => done(found.violations.map((v) => ({id: v.id, impact: v.impact, at: v.nodes.map((n) => n.html + ' ' + n.failureSummary)}))),
                (why) => done([{id: String(why), impact: 'critical'}]));";
        let found = self.client.execute_async(run, Vec::new()).await.expect("axe");
        let all = found.as_array().expect("a list").clone();
        let is_grave = |fault: &Value| GRAVE.contains(&fault["impact"].as_str().unwrap_or("critical"));
        all.into_iter().filter(is_grave).collect()
    }

    /// Nothing is wrong with the page that is shown, in light and dark, wide and narrow, and the narrow one needs no scrolling sideways.
    pub async fn assert_well_made(&self, page: &str) {
        for scheme in ["light", "dark"] {
            self.scheme(scheme).await;
            let back = self
                .script("return getComputedStyle(document.body).backgroundColor")
                .await;
            let is_light = back.as_str().is_some_and(|colour| colour.starts_with("rgb(2"));
            assert_eq!(is_light, scheme == "light", "{page} in {scheme} is {back}");
            for width in [WIDE, NARROW] {
                self.width(width).await;
                let faults = self.faults().await;
                assert_eq!(faults, json!([]), "{page} in {scheme}, {width} wide");
                let over = self
                    .script("const it = document.documentElement; return [it.scrollWidth, it.clientWidth]")
                    .await;
                assert_eq!(over[1], json!(width), "{page}");
                assert!(
                    over[0].as_u64() <= over[1].as_u64(),
                    "{page}, {width} wide, is {} wide",
                    over[0]
                );
            }
        }
        self.scheme("light").await;
        self.width(WIDE).await;
    }
}

/// Where the driver listens.
async fn port(driver: &mut Program) -> u16 {
    let until = Instant::now() + SOON;
    loop {
        let log = driver.log();
        let said = log.split_once("started successfully on port ");
        if let Some(port) = said.and_then(|(_, rest)| rest.split(['.', '\n']).next()?.trim().parse().ok()) {
            return port;
        }
        assert!(driver.is_alive() && Instant::now() < until, "no driver: {log}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
