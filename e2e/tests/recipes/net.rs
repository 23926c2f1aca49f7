//! What recipes have in common whose clients and servers lie in one image of Debian's, and talk over the network.
use api::{BackupRun, condition};
use e2e::Case;
use e2e::cut::cut;
use e2e::recipe::{Data, Recipe, Server};
use e2e::runs::status;
use serde_json::{Value, json};

/// The image.
pub const IMAGE: &str = "localhost/e2e/recipes-net:dev";

/// A recipe in a case.
pub struct Net {
    case: Case,
    recipe: Recipe,
}

impl Net {
    /// Of an example, with that image.
    pub fn of(case: &Case, file: &str, image: &str) -> Self {
        Self {
            case: case.clone(),
            recipe: Recipe::of(file).container(&json!({"image": image})),
        }
    }

    /// The same, changed as by `kubectl patch --type=merge`.
    pub fn with(&self, change: &Value) -> Self {
        Self {
            case: self.case.clone(),
            recipe: self.recipe.clone().with(change),
        }
    }

    /// The spec of a run.
    pub fn spec(&self, name: &str) -> Value {
        self.recipe.run(&self.case, name)
    }

    /// The run `whole`: there and back, `sum` and `destroy` in the server's Pod.
    pub async fn there_and_back(&self, pod: &str, sum: &str, destroy: &str) -> BackupRun {
        let data = Data { pod, sum, destroy };
        self.case.comes_back(&self.recipe, &data, "whole").await
    }

    /// A good backup, kept.
    pub async fn good(&self, name: &str) -> BackupRun {
        self.case.keeps(name);
        self.case.backup(name, self.spec(name)).await
    }

    /// The command fails now, and says these words.
    pub async fn fails(&self, name: &str, words: &str) {
        self.case.command_fails(&self.recipe, name, words).await;
    }

    /// The run `cut`: after so many bytes the server's connections end, and nobody answers any more. `host` is what the example
    /// calls it.
    pub async fn fails_when_cut(&self, pod: &str, host: &str, port: u16, after: u64, words: &str) {
        let (address, over) = cut(&self.case, pod, port, after).await;
        let hosts = json!([{"ip": address, "hostnames": [host]}]);
        let change = json!({"template": {"spec": {"hostAliases": hosts}}});
        self.with(&change).fails("cut", words).await;
        assert!(*over.borrow(), "the dump ended before {after} bytes");
    }

    /// The same of a tool that asks again for minutes when it is cut between two answers: it is stopped at its deadline then.
    pub async fn fails_or_is_stopped_when_cut(&self, pod: &str, host: &str, port: u16, after: u64) {
        let (address, over) = cut(&self.case, pod, port, after).await;
        let hosts = json!([{"ip": address, "hostnames": [host]}]);
        let change = json!({"backup": {"deadlineSeconds": 60}, "template": {"spec": {"hostAliases": hosts}}});
        self.case.start("cut", self.with(&change).spec("cut")).await;
        let reason = self
            .case
            .until("cut", "has failed", 180, |run| {
                let said = condition::find(&status(run).conditions, condition::FAILED).cloned();
                said.filter(|c| c.status == "True").map(|c| c.reason)
            })
            .await;
        assert!(
            ["CommandFailed", "DeadlineExceeded"].contains(&reason.as_str()),
            "{reason}"
        );
        assert!(*over.borrow(), "the dump ended before {after} bytes");
    }
}

/// A server: a Pod behind a Service, both of that name, which runs a shell script.
pub async fn serve(case: &Case, name: &str, port: u16, script: &str, ping: &str) {
    serve_in(case, name, port, script, ping, Value::Null).await;
}

/// The same with changes of its Pod.
pub async fn serve_in(case: &Case, name: &str, port: u16, script: &str, ping: &str, pod: Value) {
    let args: &[&str] = if script.is_empty() {
        &[]
    } else {
        &["bash", "-ec", script]
    };
    let server = Server {
        name,
        image: IMAGE,
        args,
        env: json!([]),
        port,
        ping,
        pod,
    };
    case.serve(&server).await;
}
