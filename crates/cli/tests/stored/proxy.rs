//! A machine that reaches the store through a proxy of its environment.
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::bucket::*;

/// A proxy that opens tunnels; its address, and the heads of what it was asked.
fn proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let heads = Arc::new(Mutex::new(Vec::new()));
    let heard = heads.clone();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut head = Vec::new();
            let mut byte = [0; 1];
            while !head.ends_with(b"\r\n\r\n") && matches!(client.read(&mut byte), Ok(1)) {
                head.extend_from_slice(&byte);
            }
            let head = String::from_utf8(head).unwrap();
            let to = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
            let store = to.map(TcpStream::connect);
            heard.lock().unwrap().push(head.clone());
            let Some(Ok(store)) = store else { continue };
            let _ = client.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            let (other, back) = (client.try_clone().unwrap(), store.try_clone().unwrap());
            thread::spawn(move || pass(other, back));
            thread::spawn(move || pass(store, client));
        }
    });
    (address, heads)
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    for stream in [&from, &to] {
        let _ = stream.shutdown(Shutdown::Both);
    }
}

#[test]
fn the_environments_proxy_carries_all_requests_and_is_told_its_password_alone() {
    let bucket = Bucket::new();
    bucket.put("db", b"bytes");
    let (address, heads) = proxy();
    let run = |variables: &[(&str, &str)]| {
        let mut command = bucket.command("download", &["--path", "db", "--force"]);
        command.envs(variables.iter().copied());
        Ran::of(command.output().unwrap())
    };
    let with_password = format!("http://user:word@{address}");
    run(&[("HTTP_PROXY", &with_password)]).good();
    assert_eq!(bucket.text("db").as_deref(), Some("bytes"));
    let seen = std::mem::take(&mut *heads.lock().unwrap());
    // The look at the object, and its bytes.
    assert_eq!(seen.len(), 2, "{seen:?}");
    let is_told = |head: &String| head.contains("Proxy-Authorization: Basic dXNlcjp3b3Jk");
    assert!(seen.iter().all(is_told), "{seen:?}");

    run(&[("HTTP_PROXY", &with_password), ("NO_PROXY", "127.0.0.1")]).good();
    assert_eq!(heads.lock().unwrap().len(), 0, "it was excepted");
    let err = run(&[("HTTP_PROXY", "http://user:word@127.0.0.1:1")]).bad();
    assert!(err.contains("HTTP_PROXY in this machine's environment"), "{err}");
    assert!(!err.contains("user:word"), "{err}");
    let err = run(&[("HTTPS_PROXY", "socks5://user:word@127.0.0.1:1")]).bad();
    assert!(
        err.contains("HTTPS_PROXY: must be http://") && !err.contains("user:word"),
        "{err}"
    );
}
