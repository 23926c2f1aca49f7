//! What each request has to bring, and what each answer says of itself; without a cluster.
use axum::body::Body;
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;

const HOST: &str = "127.0.0.1:4000";

/// A page whose cluster does not answer.
fn site() -> Site {
    let file = tempfile::NamedTempFile::new().unwrap();
    let kubeconfig = serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
    });
    std::fs::write(file.path(), kubeconfig.to_string()).unwrap();
    let who = crate::read::connect::Who {
        kubeconfig: Some(file.path().into()),
        context: None,
        user: None,
        groups: Vec::new(),
        request_timeout: 5,
    };
    Site::new(Arc::new(who.connect(None).unwrap()), 4000, Reached::default()).unwrap()
}

fn ask(site: &Site, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body.to_string())).unwrap();
    let answer = router(site.clone()).oneshot(request);
    site.session.block_on(answer).unwrap()
}

fn text(site: &Site, response: Response) -> String {
    let bytes = site
        .session
        .block_on(response.into_body().collect())
        .unwrap()
        .to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn nobody_comes_in_without_the_token_or_its_cookie() {
    let site = site();
    let cookie = site.door.cookie();
    let cookie = cookie.split(';').next().unwrap();
    let invited = format!("/?token={}", site.door.token);
    let own = format!("http://{HOST}");
    for (rule, method, path, headers, wanted) in [
        ("no cookie", "GET", "/", vec![("host", HOST)], 401),
        (
            "no cookie, a style",
            "GET",
            "/assets/style.css",
            vec![("host", HOST)],
            401,
        ),
        ("a wrong token", "GET", "/?token=0", vec![("host", HOST)], 403),
        ("the token", "GET", &invited, vec![("host", HOST)], 303),
        (
            "the token for another host",
            "GET",
            &invited,
            vec![("host", "evil.example")],
            403,
        ),
        (
            "the cookie",
            "GET",
            "/assets/style.css",
            vec![("host", HOST), ("cookie", cookie)],
            200,
        ),
        (
            "the cookie, another name",
            "GET",
            "/",
            vec![("host", "evil.example:4000"), ("cookie", cookie)],
            403,
        ),
        (
            "no such page",
            "GET",
            "/nothing",
            vec![("host", HOST), ("cookie", cookie)],
            404,
        ),
        (
            "no such name",
            "GET",
            "/runs/a%2F..%2Fb/c",
            vec![("host", HOST), ("cookie", cookie)],
            404,
        ),
        (
            "not by looking",
            "GET",
            "/runs/shop/a/cancel",
            vec![("host", HOST), ("cookie", cookie)],
            405,
        ),
        (
            "the token does not change anything",
            "POST",
            &invited,
            vec![("host", HOST), ("origin", &own)],
            401,
        ),
        (
            "from elsewhere",
            "POST",
            "/runs/shop/a/cancel",
            vec![("host", HOST), ("cookie", cookie), ("origin", "http://evil.example")],
            403,
        ),
        (
            "from nowhere",
            "POST",
            "/runs/shop/a/cancel",
            vec![("host", HOST), ("cookie", cookie)],
            403,
        ),
        (
            "the cluster is away",
            "GET",
            "/runs/shop/a",
            vec![("host", HOST), ("cookie", cookie)],
            502,
        ),
    ] {
        let response = ask(&site, method, path, &headers, "");
        assert_eq!(response.status().as_u16(), wanted, "{rule}");
        let of = |name: &str| response.headers().get(name).map(|v| v.to_str().unwrap().to_string());
        assert_eq!(of("content-security-policy").as_deref(), Some(POLICY), "{rule}");
        assert_eq!(of("referrer-policy").as_deref(), Some("no-referrer"), "{rule}");
        assert_eq!(of("x-content-type-options").as_deref(), Some("nosniff"), "{rule}");
        assert_eq!(of("cache-control").as_deref(), Some("no-store"), "{rule}");
        assert_eq!(of("access-control-allow-origin"), None, "{rule}");
        assert_eq!(of("set-cookie").is_some(), wanted == 303, "{rule}");
        if wanted == 303 {
            assert_eq!(of("location").as_deref(), Some("/"), "{rule}");
        }
    }
}

#[test]
fn a_change_needs_the_token_of_a_form_of_this_page() {
    let site = site();
    let cookie = site.door.cookie();
    let cookie = cookie.split(';').next().unwrap();
    let own = format!("http://{HOST}");
    let headers = [
        ("host", HOST),
        ("cookie", cookie),
        ("origin", own.as_str()),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    for path in [
        "/runs/shop/a/cancel",
        "/runs/shop/a/keep",
        "/runs/shop/a/restore",
        "/runs/shop/a/verify",
        "/schedules/shop/a/run",
    ] {
        for (body, wanted) in [
            ("csrf=0".to_string(), 403),
            (String::new(), 403),
            (format!("csrf={}", site.door.csrf), 502),
        ] {
            let response = ask(&site, "POST", path, &headers, &body);
            assert_eq!(response.status().as_u16(), wanted, "{path} {body}");
        }
    }
}

#[test]
fn what_the_cluster_answers_is_said_with_the_next_command() {
    let site = site();
    let cookie = site.door.cookie();
    let cookie = cookie.split(';').next().unwrap();
    let response = ask(&site, "GET", "/", &[("host", HOST), ("cookie", cookie)], "");
    let said = text(&site, response);
    assert!(
        said.contains("cannot list schedules") && said.contains("try: kubectl cluster-info"),
        "{said}"
    );
}

#[test]
fn names_are_those_of_kubernetes() {
    for (name, wanted) in [
        ("shop", true),
        ("shop-1.nightly", true),
        ("", false),
        ("..", false),
        ("a/b", false),
        ("A", false),
        ("a?x", false),
        ("-a", false),
    ] {
        assert_eq!(is_name(name), wanted, "{name:?}");
    }
}
