//! An API server that answers as a test says: for what a real one cannot be made to do.
use std::sync::Arc;

use ::api::BackupRun;
use futures::channel::mpsc::UnboundedReceiver;
use http::{Request, Response};
use kube::client::Body;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Client};
use planner::run::pod::AgentSettings;
use serde_json::{Value, json};
use tower_test::mock::{self, Handle};

use crate::context::{Context, Failures, Refusals};
use crate::notify::Notifier;
use crate::stores::Stores;
use crate::transfer::exec::Exec;
use crate::transfer::registry::Registry;

pub type Server = Handle<Request<Body>, Response<Body>>;

/// A client, and the server that it talks to.
pub fn connect() -> (Client, Server) {
    let (service, server) = mock::pair::<Request<Body>, Response<Body>>();
    (Client::new(service, "team"), server)
}

pub fn api() -> (Api<BackupRun>, Server) {
    let (client, server) = connect();
    (Api::namespaced(client, "team"), server)
}

/// Answers one request; gives back its method, its URI and its body.
pub async fn answer(server: &mut Server, code: u16, body: Value) -> (String, String, Value) {
    let (request, send) = server.next_request().await.expect("a request");
    let (parts, content) = request.into_parts();
    let bytes = content.collect_bytes().await.unwrap();
    let response = Response::builder()
        .status(code)
        .body(Body::from(body.to_string().into_bytes()))
        .unwrap();
    send.send_response(response);
    (
        parts.method.to_string(),
        parts.uri.to_string(),
        serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    )
}

pub fn conflict() -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "old", "reason": "Conflict", "code": 409})
}

pub fn exists() -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "there", "reason": "AlreadyExists", "code": 409})
}

/// What reconcile works with, where no watch has seen anything; and whom it is told to wake.
pub fn context(client: Client, exec: Exec) -> (Arc<Context>, UnboundedReceiver<ObjectRef<BackupRun>>) {
    let (wake, woken) = futures::channel::mpsc::unbounded();
    let context = Context {
        stores: Stores::new(client.clone(), Default::default(), store::Identity::none()),
        notifier: Notifier::new(
            client.clone(),
            Default::default(),
            Default::default(),
            futures::channel::mpsc::unbounded().0,
        ),
        client,
        events: Default::default(),
        exec,
        agent: AgentSettings {
            image: "agent:test".into(),
            image_pull_policy: "Never".into(),
            cpu: "1m".into(),
            memory: "1Mi".into(),
            volume: Default::default(),
        },
        volumes: Default::default(),
        registry: Registry::new(wake),
        budget: Default::default(),
        lanes: Default::default(),
        copies: Default::default(),
        trickle: Default::default(),
        completions: Default::default(),
        storages: Default::default(),
        schedules: Default::default(),
        runs: Default::default(),
        pods: Default::default(),
        syncs: Default::default(),
        probes: crate::storage::Probes::default(),
        refusals: Refusals::default(),
        cluster: Default::default(),
        errands: Default::default(),
        rotated: Default::default(),
        queue: crate::queue::Queue::new(None, futures::channel::mpsc::unbounded().0),
        turns: Default::default(),
        wake_storage: futures::channel::mpsc::unbounded().0,
        ages: Default::default(),
        looks: Default::default(),
        obstacles: Default::default(),
        failures: Failures::default(),
        metrics: Default::default(),
        began: std::time::Instant::now(),
    };
    (Arc::new(context), woken)
}
