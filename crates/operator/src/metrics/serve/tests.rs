//! What is answered to whom.
use std::io::Read;

use axum::body::to_bytes;
use flate2::read::GzDecoder;
use futures::StreamExt;

use super::*;

fn headers(accept: &str, encoding: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, accept.parse().unwrap());
    headers.insert(ACCEPT_ENCODING, encoding.parse().unwrap());
    headers
}

async fn ask(accept: &str, encoding: &str) -> (String, bool, Vec<u8>) {
    let response = serve(Arc::default()).answer(&headers(accept, encoding)).await;
    let type_ = response.headers()[CONTENT_TYPE].to_str().unwrap().to_string();
    let gzip = response.headers().get(CONTENT_ENCODING).is_some();
    let body = to_bytes(response.into_body(), 1 << 24).await.unwrap();
    (type_, gzip, body.to_vec())
}

#[tokio::test]
async fn the_answer_has_the_format_and_the_coding_that_are_asked_for() {
    let (type_, gzip, body) = ask("application/openmetrics-text;version=1.0.0", "identity").await;
    assert_eq!(
        (type_.as_str(), gzip),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", false)
    );
    assert!(body.ends_with(b"# EOF\n"));
    let (type_, gzip, body) = ask("text/plain", "gzip").await;
    assert_eq!(
        (type_.as_str(), gzip),
        ("text/plain; version=0.0.4; charset=utf-8", true)
    );
    let mut text = String::new();
    GzDecoder::new(body.as_slice()).read_to_string(&mut text).unwrap();
    assert!(text.contains("# TYPE backup_operator_api_requests_total counter\n") && !text.contains("# EOF"));
}

#[tokio::test]
async fn a_scrape_that_is_not_taken_breaks_off_and_gives_its_turn_back() {
    let metrics = Arc::new(Metrics::default());
    for n in 0..10_000 {
        // More than fits into the chunks that wait.
        metrics.api_requests.add([&n.to_string(), "200"], 1);
    }
    let mut served = serve(metrics);
    served.taken = Duration::from_millis(50);
    let slow = served.clone().answer(&headers("", "")).await;
    let mut body = slow.into_body().into_data_stream();
    assert!(body.next().await.unwrap().is_ok());
    let all = u32::try_from(AT_ONCE).unwrap();
    let free = timeout(TAKEN, served.turns.acquire_many(all)).await;
    assert!(free.is_ok(), "nobody waits for who takes nothing");
    let mut broken = false;
    while let Some(chunk) = body.next().await {
        broken = chunk.is_err();
    }
    assert!(broken, "a part is never taken for the whole");
}
