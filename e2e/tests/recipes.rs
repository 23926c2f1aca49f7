//! The recipes of docs/recipes, run on a real cluster: each backs up, destroys, restores and compares, and is broken on purpose. And what Helm makes of
//! charts with our kinds: here nobody takes the operator away, for which no run of Helm would wait.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "recipes/couchdb.rs"]
mod couchdb;
#[path = "recipes/duckdb.rs"]
mod duckdb;
#[path = "recipes/etcd.rs"]
mod etcd;
#[path = "recipes/files.rs"]
mod files;
#[path = "recipes/firebird.rs"]
mod firebird;
#[path = "recipes/git.rs"]
mod git;
#[path = "recipes/helm.rs"]
mod helm;
#[path = "recipes/influxdb.rs"]
mod influxdb;
#[path = "recipes/kubernetes.rs"]
mod kubernetes;
#[path = "recipes/mariadb.rs"]
mod mariadb;
#[path = "recipes/nats.rs"]
mod nats;
#[path = "recipes/net.rs"]
mod net;
#[path = "recipes/openldap.rs"]
mod openldap;
#[path = "recipes/postgresql.rs"]
mod postgresql;
#[path = "recipes/prometheus.rs"]
mod prometheus;
#[path = "recipes/proof.rs"]
mod proof;
#[path = "recipes/rabbitmq.rs"]
mod rabbitmq;
#[path = "recipes/redis.rs"]
mod redis;
#[path = "recipes/restic.rs"]
mod restic;
#[path = "recipes/sqlite.rs"]
mod sqlite;
#[path = "recipes/subversion.rs"]
mod subversion;
#[path = "recipes/traps.rs"]
mod traps;
#[path = "recipes/victoriametrics.rs"]
mod victoriametrics;
#[path = "recipes/zookeeper.rs"]
mod zookeeper;
