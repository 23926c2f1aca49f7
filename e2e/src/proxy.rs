//! A store that fails as told: a proxy of the tests' own between the case's storage and MinIO.
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, Service};
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::Agent;

use crate::case::Case;
use crate::cluster::{node_address, object, wait};
use crate::shared::{ENDPOINT, NAMESPACE, SECRET, parameters};

/// Until one request is answered.
const REQUEST: Duration = Duration::from_secs(20);

/// The proxy, and the storage that goes through it.
pub struct Proxy {
    /// Name of the storage.
    pub storage: String,
    control: String,
    agent: Agent,
}

/// A request that came by.
#[derive(Clone, Debug, Deserialize)]
pub struct Request {
    /// GET, PUT.
    pub method: String,
    /// With the bucket, without the query.
    pub path: String,
    /// `partNumber`, where it has one.
    pub part: String,
    /// Access key and scope of the signature.
    pub credential: String,
    /// When it was signed.
    pub date: String,
    /// As answered; 0 where it was not.
    pub status: u16,
}

impl Case {
    /// Puts a proxy before MinIO and makes a storage that goes through it; `settings` change its parameters, `credentials`
    /// are the shared ones where null. Returns when the storage is Ready.
    pub async fn proxied(&self, settings: Value, credentials: Value) -> Proxy {
        let labels = json!({"app": "store-proxy"});
        let command = ["/stream", "proxy", ":9000", ENDPOINT, ":9001"];
        let probe = json!({"tcpSocket": {"port": 9001}, "periodSeconds": 1});
        let container = json!({
            "name": "proxy", "image": "localhost/e2e/static:dev", "command": command, "readinessProbe": probe,
        });
        let spec = json!({"containers": [container], "terminationGracePeriodSeconds": 0});
        self.apply::<Pod>(json!({"metadata": {"name": "store-proxy", "labels": labels}, "spec": spec}))
            .await;
        let ports = json!([{"name": "store", "port": 9000}, {"name": "control", "port": 9001}]);
        let spec = json!({"type": "NodePort", "selector": labels, "ports": ports});
        let service: Service = self
            .apply(json!({"metadata": {"name": "store-proxy"}, "spec": spec}))
            .await;
        let ports = service.spec.and_then(|s| s.ports).expect("ports");
        let port = ports.iter().find(|p| p.name.as_deref() == Some("control"));
        let port = port.and_then(|p| p.node_port).expect("a node port");
        let config = Agent::config_builder()
            .proxy(None)
            .timeout_global(Some(REQUEST))
            .build();
        let mut proxy = Proxy {
            storage: String::new(),
            control: format!("http://{}:{port}", node_address(self.client()).await),
            agent: config.into(),
        };
        wait("the store's proxy answers", Duration::from_secs(60), || async {
            proxy.agent.get(format!("{}/rules", proxy.control)).call().ok()
        })
        .await;
        let mut parameters = parameters();
        parameters["endpoint"] = json!(format!("http://store-proxy.{}.svc:9000", self.namespace()));
        for (name, value) in settings.as_object().expect("parameters") {
            parameters[name] = value.clone();
        }
        let credentials = match credentials {
            Value::Null => json!({"name": SECRET, "namespace": NAMESPACE}),
            other => other,
        };
        proxy.storage = self
            .storage("proxied", json!({"parameters": parameters, "credentials": credentials}))
            .await;
        self.storage_ready(&proxy.storage).await;
        proxy
    }
}

impl Proxy {
    fn post(&self, path: &str, body: &Value) {
        let url = format!("{}/{path}", self.control);
        let answer = self.agent.post(url).send(body.to_string());
        answer.unwrap_or_else(|e| panic!("the proxy does not take {body}: {e}"));
    }

    fn read<T: serde::de::DeserializeOwned>(&self, path: &str) -> T {
        let answer = self
            .agent
            .get(format!("{}/{path}", self.control))
            .call()
            .expect("the proxy");
        let text = answer.into_body().read_to_string().expect("an answer");
        object(serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e} in {text}")))
    }

    /// Requests of this method that contain this are met from now on, `rule` says how: dev/go/stream/proxy.go lists what it can.
    pub fn rule(&self, method: &str, contains: &str, rule: Value) {
        let mut rule = rule;
        (rule["method"], rule["contains"]) = (json!(method), json!(contains));
        self.post("rules", &rule);
    }

    /// The same for an error of S3.
    pub fn answers(&self, method: &str, contains: &str, times: u32, (status, code, message): (u16, &str, &str)) {
        let rule = json!({"do": "answer", "times": times, "status": status, "code": code, "message": message});
        self.rule(method, contains, rule);
    }

    /// No rule holds any more.
    pub fn forget(&self) {
        self.agent
            .delete(format!("{}/rules", self.control))
            .call()
            .expect("the proxy");
    }

    /// Refuses connections from now on.
    pub fn down(&self) {
        self.post("down", &Value::Null);
    }

    /// Takes them again.
    pub fn up(&self) {
        self.post("up", &Value::Null);
    }

    /// How many requests the rules have met so far.
    pub fn met(&self) -> u64 {
        let rules: Vec<Value> = self.read::<Option<Vec<Value>>>("rules").unwrap_or_default();
        rules.iter().filter_map(|r| r["met"].as_u64()).sum()
    }

    /// Waits until so many requests were met.
    pub async fn until_met(&self, count: u64, seconds: u64) {
        let what = format!("{count} requests were met by the proxy's rules");
        wait(&what, Duration::from_secs(seconds), || async {
            (self.met() >= count).then_some(())
        })
        .await;
    }

    /// What has come by so far for a key, oldest first.
    pub fn requests(&self, key: &str) -> Vec<Request> {
        let all: Vec<Request> = self.read::<Option<Vec<Request>>>("requests").unwrap_or_default();
        all.into_iter().filter(|r| r.path.ends_with(key)).collect()
    }
}
