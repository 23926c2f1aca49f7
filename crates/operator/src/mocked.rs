//! An API server that answers as a test says: for what a real one cannot be made to do.
use http::{Request, Response};
use kube::client::Body;
use kube::{Api, Client};
use serde_json::{Value, json};
use tower_test::mock::{self, Handle};

pub type Server = Handle<Request<Body>, Response<Body>>;

/// A client, and the server that it talks to.
pub fn connect() -> (Client, Server) {
    let (service, server) = mock::pair::<Request<Body>, Response<Body>>();
    (Client::new(service, "team"), server)
}

pub fn api() -> (Api<api::BackupRun>, Server) {
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
