//! The operator's admin port, asked as people do: through a port-forward, and through the API server's proxy.
use std::time::Duration;

use http::Request;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::operator::NAMESPACE;

/// As the manifests have it.
const PORT: u16 = 8081;
/// Until it has answered.
const ANSWER: Duration = Duration::from_secs(20);

/// A code, and what was said with it.
pub type Answer = (u16, String);

/// Asks through a port-forward, which begins in the Pod itself.
pub async fn forwarded(client: &Client, pod: &str, method: &str, path: &str, body: &str) -> Answer {
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let ask = async {
        let mut forward = pods.portforward(pod, &[PORT]).await.expect("a port-forward");
        let mut stream = forward.take_stream(PORT).expect("its stream");
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost:{PORT}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.expect("the request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("an answer");
        String::from_utf8(answer).expect("text")
    };
    let answer = timeout(ANSWER, ask).await.expect("an answer in time");
    let (head, said) = answer
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer of HTTP: {answer}"));
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    (code.unwrap_or_else(|| panic!("no code: {head}")), said.into())
}

/// Asks through the API server's proxy, which comes from the node.
pub async fn proxied(client: &Client, pod: &str, method: &str, path: &str, body: &str) -> Answer {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{pod}:{PORT}/proxy{path}");
    let request = Request::builder().method(method).uri(path);
    let request = request.body(body.to_string().into_bytes().into()).expect("a request");
    let ask = async {
        let (parts, body) = client.send(request).await.expect("an answer").into_parts();
        let said = body.collect_bytes().await.expect("its body");
        (parts.status.as_u16(), String::from_utf8_lossy(&said).into_owned())
    };
    timeout(ANSWER, ask).await.expect("an answer in time")
}
