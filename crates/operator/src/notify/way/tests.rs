//! Where a name may lead, by what is known of the cluster.
use serde_json::json;

use super::*;

#[tokio::test]
async fn a_name_is_judged_by_what_it_leads_to() {
    let way = Way::new(
        "localhost+private,169.254.169.254,10.9.8.7".parse().unwrap(),
        Proxies::default(),
    );
    for (host, default, says) in [
        ("localhost", false, "own machine"),
        ("localhost", true, "own machine"),
        ("169.254.169.254", false, "link-local"),
        ("169.254.169.254", true, "link-local"),
        ("10.9.8.7", false, "+private"),
        ("elsewhere.example", false, "--notification-hosts"),
    ] {
        let fault = way.connect(true, host, 443, default).await.unwrap_err();
        assert!(
            matches!(&fault, Fault::Wrong(text) if text.contains(says)),
            "{host}: {fault:?}"
        );
    }
}

/// What an API server answers to one of the two questions; None: nothing.
type Answer = Option<(u16, serde_json::Value)>;

async fn learned(slices: Answer, nodes: Answer) -> (Way, bool) {
    let way = Way::new("10.0.0.7+private,10.9.8.7,1.1.1.1".parse().unwrap(), Proxies::default());
    let known = learn(&way, slices, nodes).await;
    (way, known)
}

async fn learn(way: &Way, slices: Answer, nodes: Answer) -> bool {
    let (client, mut server) = crate::mocked::connect();
    let answers = tokio::spawn(async move {
        let mut unanswered = Vec::new();
        while let Some((request, send)) = server.next_request().await {
            let of_slices = request.uri().path().contains("/endpointslices/kubernetes");
            let Some((code, body)) = (if of_slices { &slices } else { &nodes }) else {
                unanswered.push(send);
                continue;
            };
            let body = kube::client::Body::from(body.to_string().into_bytes());
            send.send_response(http::Response::builder().status(*code).body(body).unwrap());
        }
    });
    let known = way.known.learn(&client, std::future::ready(Vec::new())).await;
    answers.abort();
    known
}

fn no(code: u16) -> Answer {
    let reason = if code == 404 { "NotFound" } else { "x" };
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no", "reason": reason, "code": code});
    Some((code, status))
}

fn slices() -> Answer {
    let slice = json!({"kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1", "metadata": {"name": "kubernetes"}, "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.7"]}], "ports": [{"port": 6443}]});
    Some((200, slice))
}

fn nodes() -> Answer {
    let node = json!({"metadata": {"name": "a"}, "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.7"}, {"type": "Hostname", "address": "a"}]}});
    let list = json!({"kind": "NodeList", "apiVersion": "v1", "metadata": {}, "items": [node]});
    Some((200, list))
}

#[tokio::test(start_paused = true)]
async fn where_the_cluster_cannot_be_looked_up_no_private_address_is_reached_but_public_ones_are() {
    let none = || {
        Some((
            200,
            json!({"kind": "NodeList", "apiVersion": "v1", "metadata": {}, "items": []}),
        ))
    };
    for (of_slices, of_nodes, known, port, says) in [
        (slices(), nodes(), true, 6443, Err("is the address of the API server")),
        (slices(), nodes(), true, 10250, Err("is the address of a node")),
        (slices(), nodes(), true, 30080, Ok(())),
        // One that names no API servers at all.
        (no(404), none(), true, 6443, Ok(())),
        (
            no(403),
            nodes(),
            false,
            443,
            Err("get endpointslices in namespace default"),
        ),
        (
            None,
            nodes(),
            false,
            443,
            Err("get endpointslices in namespace default"),
        ),
        (
            no(500),
            nodes(),
            false,
            443,
            Err("get endpointslices in namespace default"),
        ),
        (no(404), no(403), false, 8080, Err("list nodes")),
        (no(404), None, false, 8080, Err("list nodes")),
        (no(404), no(403), false, 443, Ok(())),
    ] {
        let case = format!("{of_slices:?} {of_nodes:?} {port}");
        let (way, all_known) = learned(of_slices, of_nodes).await;
        assert_eq!(all_known, known, "{case}");
        let found = way.addresses("10.0.0.7", port, false).await.map(|_| ());
        match (&found, says) {
            (Ok(()), Ok(())) => {}
            (Err(fault), Err(says)) => assert!(fault.to_string().contains(says), "{case}: {fault}"),
            _ => panic!("{case}: {found:?}"),
        }
        assert!(way.addresses("1.1.1.1", port, false).await.is_ok(), "{case}");
        let private = way.addresses("10.9.8.7", port, false).await.unwrap_err();
        assert!(private.to_string().contains("+private"), "{case}: {private}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_right_that_is_missing_is_told_at_once_and_an_api_server_that_is_away_may_come_back() {
    let (way, _) = learned(no(403), nodes()).await;
    let fault = way.addresses("10.0.0.7", 443, false).await.unwrap_err();
    assert!(matches!(fault, Fault::Wrong(_)), "{fault:?}");
    // The operator's own are named by whoever runs it.
    assert!(way.addresses("10.0.0.7", 443, true).await.is_ok());

    let (way, _) = learned(None, nodes()).await;
    let fault = way.addresses("10.0.0.7", 443, false).await.unwrap_err();
    assert!(matches!(fault, Fault::Failed(_)), "{fault:?}");
    assert!(learn(&way, slices(), None).await, "the nodes are known from before");
    assert!(way.addresses("10.0.0.7", 443, false).await.is_ok());
    let fault = way.addresses("10.0.0.7", 10250, false).await.unwrap_err();
    assert!(fault.to_string().contains("of a node"), "{fault}");
    assert!(
        way.addresses("10.0.0.7", 10250, true).await.is_ok(),
        "an Ingress of the administrator's"
    );
    let fault = way.addresses("10.0.0.7", 6443, true).await.unwrap_err();
    assert!(fault.to_string().contains("API server"), "{fault}");
}

#[tokio::test]
async fn an_address_is_judged_before_a_proxy_is_asked_for_it() {
    let variables = |name: &str| (name == "HTTPS_PROXY").then(|| "http://127.0.0.1:1".to_string());
    let proxies = Proxies::from_environment(variables, "").unwrap();
    let way = Way::new("169.254.169.254,a.example".parse().unwrap(), proxies);
    let fault = way.connect(true, "169.254.169.254", 443, false).await.unwrap_err();
    assert!(fault.to_string().contains("link-local"), "{fault}");
    let fault = way.connect(true, "b.example", 443, false).await.unwrap_err();
    assert!(fault.to_string().contains("--notification-hosts"), "{fault}");
    let fault = way.connect(true, "a.example", 443, false).await.unwrap_err();
    assert!(fault.to_string().contains("proxy 127.0.0.1:1"), "{fault}");
}
