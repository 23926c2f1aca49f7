//! Random and mutated answers of proxies and gateways.
use fuzz::Target;

use crate::{Answered, Heard, LARGEST, heard, stranger, stranger_to_put};

#[cfg_attr(test, test)]
pub fn fuzz_answers_of_proxies() {
    let seeds: [&[u8]; 4] = [
        b"HTTP/1.1 200 OK\r\nVia: x\r\n\r\n",
        b"HTTP/1.0 407 Proxy Authentication Required\r\n\r\n<html>",
        b"HTTP/1.1 200\n\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
    ];
    Target {
        name: "answers of proxies",
        seeds: &seeds,
        words: &["HTTP/1.", " 200 ", " 403 ", "\r\n", "\r\n\r\n", "\n\n"],
    }
    .run(|bytes| {
        let all = heard(bytes);
        // As it comes, in pieces: what was settled by fewer bytes is not unsettled by more.
        let half = heard(bytes.get(..bytes.len() / 2).unwrap_or_default());
        if let Heard::Refused(status, words) = &half {
            assert!(matches!(&all, Heard::Refused(s, w) if s == status && w == words));
        }
        if let Heard::Refused(_, words) = &all {
            assert!(words.len() <= 400 && !words.contains(char::is_control));
        }
        assert!(bytes.len() < LARGEST || all != Heard::More, "it ends");
        (std::mem::discriminant(&all), std::mem::discriminant(&half))
    });
}

#[cfg_attr(test, test)]
pub fn fuzz_answers_of_gateways() {
    let seeds: [&[u8]; 4] = [
        b"<html><head><title>413</title></head></html>",
        b"<Error><Code>AccessDenied</Code></Error>",
        b"Client sent an HTTP request to an HTTPS server.\n",
        b"upstream connect error",
    ];
    Target {
        name: "answers of gateways",
        seeds: &seeds,
        words: &["<html", "<!doctype html", "<Error", "<Code>", "HTTPS server", "<", ">"],
    }
    .run(|bytes| {
        [200, 400, 403, 413, 502].map(|status| {
            let answer = Answered::new(status, std::iter::empty(), "", Some(bytes));
            let words = stranger(&answer);
            assert!(
                words
                    .as_ref()
                    .is_none_or(|w| w.len() < 1000 && !w.contains(char::is_control))
            );
            (words.is_some(), stranger_to_put(&answer, false).is_some())
        })
    });
}
