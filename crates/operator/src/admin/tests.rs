//! Who may ask the admin port for what, and what it answers, by requests.
use std::sync::Mutex;

use axum::body::{Body, to_bytes};
use tower::ServiceExt;

use super::*;

/// The port, and what was logged by since.
fn port() -> (Router, Arc<Mutex<Vec<String>>>) {
    let set = Arc::new(Mutex::new(Vec::new()));
    let seen = set.clone();
    let level = Level::new("info", move |filter| {
        seen.lock().unwrap().push(filter.to_string());
        Ok(())
    });
    let router = router(Served {
        ready: Ready::default(),
        metrics: Arc::default(),
        level,
        config: serde_json::json!({"log": "info"}),
    });
    (router, set)
}

/// Asks as somebody from there; code and words.
async fn ask(router: &Router, from: &str, method: &str, path: &str, body: &[u8]) -> (u16, String) {
    let peer: SocketAddr = from.parse().unwrap();
    let request = Request::builder().method(method).uri(path).extension(ConnectInfo(peer));
    let request = request.body(Body::from(body.to_vec())).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let code = response.status().as_u16();
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (code, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn health_and_metrics_are_for_all_and_the_rest_is_not() {
    let (router, set) = port();
    for from in ["10.0.0.7:5", "[fd00::7]:5", "[::ffff:10.0.0.7]:5", "127.0.0.6:5"] {
        for (method, path) in [("PUT", "/log-level"), ("GET", "/log-level"), ("GET", "/configz")] {
            let (code, words) = ask(&router, from, method, path, b"trace").await;
            assert_eq!(code, 403, "{from} {method} {path}");
            assert!(
                words.starts_with(path) && words.contains("kubectl port-forward"),
                "{words}"
            );
        }
        for path in ["/livez", "/healthz", "/metrics"] {
            assert_eq!(ask(&router, from, "GET", path, b"").await.0, 200, "{from} {path}");
        }
        assert_eq!(ask(&router, from, "GET", "/readyz", b"").await.0, 503);
    }
    assert!(set.lock().unwrap().is_empty());
}

#[tokio::test]
async fn who_is_in_the_pod_changes_what_is_logged_and_reads_how_it_was_started() {
    let (router, set) = port();
    for from in ["127.0.0.1:5", "[::1]:5", "[::ffff:127.0.0.1]:5"] {
        assert_eq!(
            ask(&router, from, "PUT", "/log-level", b"debug\n").await,
            (200, "debug\n".into())
        );
        assert_eq!(
            ask(&router, from, "GET", "/log-level", b"").await,
            (200, "debug\n".into())
        );
        assert_eq!(
            ask(&router, from, "GET", "/configz", b"").await,
            (200, "{\"log\":\"info\"}".into())
        );
    }
    assert_eq!(*set.lock().unwrap(), ["debug", "debug", "debug"]);
}

#[tokio::test]
async fn a_filter_that_means_nothing_changes_nothing_and_is_told_with_one_that_is_right() {
    let (router, set) = port();
    let long = vec![b'x'; FILTER + 1];
    for (method, filter, code, told) in [
        ("PUT", b"".as_slice(), 400, "info,operator=debug"),
        ("PUT", b"operator=loud", 400, "loud"),
        ("PUT", b"\xff", 400, "UTF-8"),
        ("PUT", &long, 413, "1024 bytes"),
        ("POST", b"debug", 405, ""),
        ("DELETE", b"", 405, ""),
    ] {
        let (got, words) = ask(&router, "127.0.0.1:5", method, "/log-level", filter).await;
        assert_eq!(got, code, "{method} {words}");
        assert!(words.contains(told), "{words}");
    }
    assert!(set.lock().unwrap().is_empty());
    assert_eq!(ask(&router, "127.0.0.1:5", "GET", "/log-level", b"").await.1, "info\n");
}

#[tokio::test]
async fn verbose_health_has_a_line_for_each_check() {
    let (router, _) = port();
    for (path, code, words) in [
        ("/livez", 200, "ok"),
        ("/livez?verbose", 200, "[+]ping ok\nlivez check passed\n"),
        ("/healthz?verbose=1&x", 200, "[+]ping ok\nhealthz check passed\n"),
        ("/readyz", 503, "the lease has not been seen yet"),
        (
            "/readyz?x&verbose",
            503,
            "[-]lease the lease has not been seen yet\nreadyz check failed\n",
        ),
    ] {
        assert_eq!(ask(&router, "10.0.0.7:5", "GET", path, b"").await, (code, words.into()));
    }
}

#[tokio::test]
async fn a_real_connection_of_either_family_is_known_by_where_it_comes_from() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (router, _) = port();
    let listener = listen("[::]:0".parse().unwrap()).unwrap();
    let at = listener.local_addr().unwrap();
    let served = axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>());
    crate::runtime::spawn(async move { served.await.unwrap() });
    let hosts: &[&str] = if at.is_ipv6() {
        &["127.0.0.1", "::1"]
    } else {
        &["127.0.0.1"]
    };
    for host in hosts {
        let mut tcp = tokio::net::TcpStream::connect((*host, at.port())).await.unwrap();
        let asked = b"GET /log-level HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        tcp.write_all(asked).await.unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).await.unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.ends_with("info\n"),
            "{host}: {answer}"
        );
    }
}
