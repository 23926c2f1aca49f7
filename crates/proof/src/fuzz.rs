//! Answers of stores, whole and in their parts, as bytes that nobody made for this.
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::sync::{Arc, Mutex};

use ::fuzz::Target;
use protocol::Secret;

use crate::download::{bare, content_range};
use crate::http;
use crate::sign::SignedUrl;

#[cfg_attr(test, test)]
pub fn fuzz_content_range_and_etag() {
    let seeds: [&[u8]; 6] = [
        b"bytes 5-9/10",
        b"bytes 0-0/*",
        b"bytes */10",
        b"\"ab-2\"",
        b"W/\"ab\"",
        b"bytes 18446744073709551615-1/2",
    ];
    Target {
        name: "Content-Range and ETag",
        seeds: &seeds,
        words: &["bytes ", "-", "/", "*", "W/", "\"", " "],
    }
    .run(|bytes| {
        let text = String::from_utf8_lossy(bytes);
        assert!(!bare(&text).starts_with('"') && !bare(&text).ends_with('"'));
        content_range(&text).map(|range| (range.start.min(3), range.last.min(3), range.total.map(|t| t.min(3))))
    });
}

#[cfg_attr(test, test)]
pub fn fuzz_refusals_of_a_store() {
    let seeds: [&[u8]; 4] = [
        b"<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>a &quot;b&quot; &amp;amp;</Message></Error>",
        b"<Code><Code></Code>",
        b"<Message>expired</Message><Code>ExpiredToken</Code>",
        b"<html>502 Bad Gateway",
    ];
    let words = [
        "<Code>",
        "</Code>",
        "<Message>",
        "</Message>",
        "&amp;",
        "&lt;",
        "SlowDown",
        "\x1b[2J",
        "NoSuchUpload",
    ];
    let statuses = [0, 200, 307, 403, 404, 429, 503, u16::MAX];
    Target {
        name: "refusals of a store",
        seeds: &seeds,
        words: &words,
    }
    .run(|bytes| {
        let answers = statuses.map(|status| http::Answer::of(status, bytes));
        for answer in &answers {
            let told = answer.to_string();
            assert!(
                told.chars().count() < 900 && !told.contains(char::is_control),
                "{told:?}"
            );
        }
        format!("{:?}", answers.map(|a| a.hope()))
    });
}

/// A store that answers every request with the bytes at hand, and closes.
#[cfg_attr(test, test)]
pub fn fuzz_http_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/k?X-Amz-Signature=hunter2", listener.local_addr().unwrap());
    let (answer, ending) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(false)));
    let (said, ended) = (answer.clone(), ending.clone());
    let server = std::thread::spawn(move || {
        for tcp in listener.incoming() {
            if *ended.lock().unwrap() {
                return;
            }
            let Ok(mut tcp) = tcp else { continue };
            // The head of the request: its body has a few bytes, which need not be read.
            let mut piece = [0; 4096];
            let _ = tcp.read(&mut piece);
            let _ = tcp.write_all(&said.lock().unwrap());
            let _ = tcp.shutdown(Shutdown::Write);
            // Until the client is done: a reset would take the answer from it.
            let _ = tcp.set_read_timeout(Some(std::time::Duration::from_millis(200)));
            while matches!(tcp.read(&mut piece), Ok(n) if n > 0) {}
        }
    });
    let client = http::Way::default().client().unwrap();
    let signed = SignedUrl {
        url: Secret::new(url.clone()),
        headers: vec![].into(),
    };
    let seeds: [&[u8]; 7] = [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\netag: \"e\"\r\n\r\nok",
        b"HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 0-1/2\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 Forbidden\r\ncontent-length: 25\r\n\r\n<Code>AccessDenied</Code>",
        b"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.0 200\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551616\r\n\r\n",
    ];
    let words = [
        "HTTP/1.1 ",
        "200",
        "206",
        "304",
        "\r\n",
        "content-length: ",
        "transfer-encoding: chunked\r\n",
        "connection: close\r\n",
        "content-encoding: gzip\r\n",
        "ffffffffffffffff\r\n",
        "0\r\n\r\n",
        ": ",
        "etag: ",
        "\0",
    ];
    Target {
        name: "HTTP answers",
        seeds: &seeds,
        words: &words,
    }
    .run(|bytes| {
        *answer.lock().unwrap() = bytes.to_vec();
        let read = http::get(&client, &signed, 0, None, None).map(|response| {
            let status = response.status().as_u16();
            let mut body = Vec::new();
            let whole = response
                .into_body()
                .into_reader()
                .take(1 << 20)
                .read_to_end(&mut body)
                .is_ok();
            (status, whole, body.len().min(9))
        });
        let put = http::put(&client, &signed, 4, &b"part"[..]);
        for error in [read.as_ref().err(), put.as_ref().err()].into_iter().flatten() {
            assert!(!error.message.contains("hunter2"), "{}", error.message);
        }
        let words = |e: http::HttpError| (e.status, e.message.chars().take(20).collect::<String>());
        (read.map_err(words), put.map(|etag| etag.len().min(9)).map_err(words))
    });
    *ending.lock().unwrap() = true;
    let _ = std::net::TcpStream::connect(url.trim_start_matches("http://").split('/').next().unwrap());
    server.join().unwrap();
}
