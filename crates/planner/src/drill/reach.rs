//! Which hosts a Pod's variables and commands name, as far as that can be seen: a drill that reaches another database may restore over it.
use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::PodSpec;

/// Programs whose `-h` is a host.
const CLIENTS: [&str; 18] = [
    "clickhouse-client",
    "createdb",
    "dropdb",
    "influx",
    "mariadb",
    "mariadb-admin",
    "mongo",
    "mongorestore",
    "mongosh",
    "mysql",
    "mysqladmin",
    "mysqlimport",
    "pg_isready",
    "pg_restore",
    "psql",
    "redis-cli",
    "sqlcmd",
    "valkey-cli",
];

/// The hosts outside of a Pod that a command names, or the text of a shell in it.
pub fn far_of_words<'a>(words: impl Iterator<Item = &'a str>, pod: &PodSpec) -> Vec<String> {
    far(of_words(words), pod)
}

/// The hosts outside of a Pod that a variable names.
pub fn far_of_variable(name: &str, value: &str, pod: &PodSpec) -> Vec<String> {
    far(of_variable(name, value), pod)
}

fn far(hosts: Vec<String>, pod: &PodSpec) -> Vec<String> {
    let near = near(pod);
    hosts.into_iter().filter(|host| is_far(host, &near)).collect()
}

/// Names that are this Pod's own.
fn near(pod: &PodSpec) -> BTreeSet<&str> {
    let aliases = pod.host_aliases.iter().flatten().filter(|alias| is_loopback(&alias.ip));
    let named = aliases.flat_map(|alias| alias.hostnames.iter().flatten().map(String::as_str));
    named.chain(pod.hostname.as_deref()).collect()
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host == "::1" || host.starts_with("127.")
}

/// A name that leads out of the Pod. What is a path is a socket, and what is made of a variable nobody knows here.
fn is_far(host: &str, near: &BTreeSet<&str>) -> bool {
    let is_name = host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
    is_name && !host.contains(['$', '/', '*']) && host != "0.0.0.0" && !is_loopback(host) && !near.contains(host)
}

/// The hosts that a variable of a container names.
fn of_variable(name: &str, value: &str) -> Vec<String> {
    let name = name.to_ascii_uppercase();
    if ["PGHOST", "PGHOSTADDR"].contains(&name.as_str()) || name.ends_with("_HOST") {
        return vec![without_port(value)];
    }
    of_words([value].into_iter())
}

/// The hosts that a command names: of a shell's text, too.
fn of_words<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut hosts = Vec::new();
    let split = |c: char| c.is_whitespace() || matches!(c, ';' | '|' | '&' | '(' | ')' | '"' | '\'' | '<' | '>');
    let all: Vec<&str> = words
        .flat_map(|word| word.split(split))
        .filter(|word| !word.is_empty())
        .collect();
    let mut client = false;
    for (at, word) in all.iter().enumerate() {
        let program = word.rsplit('/').next().unwrap_or_default();
        client |= CLIENTS.contains(&program);
        let next = || all.get(at + 1).map(|next| without_port(next));
        match *word {
            "--host" | "--hostname" => hosts.extend(next()),
            "-h" if client => hosts.extend(next()),
            _ => {}
        }
        for flag in ["--host=", "--hostname=", "host=", "PGHOST=", "PGHOSTADDR="] {
            hosts.extend(word.strip_prefix(flag).map(without_port));
        }
        if let Some(glued) = word.strip_prefix("-h").filter(|rest| client && !rest.is_empty()) {
            hosts.push(without_port(glued));
        }
        if let Some((_, behind)) = word.split_once("://") {
            let authority = behind.split(['/', '?', '#']).next().unwrap_or_default();
            let host = authority.rsplit('@').next().unwrap_or_default();
            hosts.extend(host.split(',').map(without_port));
        }
    }
    hosts.sort();
    hosts.dedup();
    hosts
}

fn without_port(host: &str) -> String {
    let end = match host.find(']') {
        Some(end) => end + 1,
        None => host
            .find(':')
            .filter(|at| host.rfind(':') == Some(*at))
            .unwrap_or(host.len()),
    };
    host.get(..end).unwrap_or(host).into()
}
