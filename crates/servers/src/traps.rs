//! Commands that lie about how a backup or a restore ended: what one writes, what it does, and a script that shows it on the real
//! tool. docs/recipes/traps.md is written from it, and a case of e2e runs each script. Rows of one subject are a file below.
mod more;
mod net;
mod sql;

/// One command that lies.
pub struct Trap {
    /// Its name, for whoever runs it alone.
    pub name: &'static str,
    /// The tool, with the version that it was seen with.
    pub tool: &'static str,
    /// The Pod that it is shown in: an image, by its reference, as itself (a server where it is one).
    pub image: &'static str,
    /// What one writes.
    pub writes: &'static str,
    /// What it does.
    pub does: &'static str,
    /// What to write instead.
    pub safe: &'static str,
    /// The rule of advice that sees it in a manifest, by its name in `planner::advise::tools`.
    pub rule: Option<&'static str>,
    /// A script of bash that ends with 0 where the tool does as the table says, run with `set -euo pipefail` in a folder of its own.
    pub shown: &'static str,
}

/// All of them, by subject.
pub const TRAPS: &[(&str, &[Trap])] = &[
    ("PostgreSQL", sql::POSTGRESQL),
    ("MariaDB and MySQL", sql::MARIADB),
    ("SQLite", sql::SQLITE),
    ("Firebird and DuckDB", sql::OTHERS),
    ("tar and compressors", sql::STREAMS),
    ("Redis", net::REDIS_AND_VALKEY),
    ("etcd", net::ETCD),
    ("OpenLDAP", net::OPENLDAP),
    ("Repositories", net::REPOSITORIES),
    ("Over HTTP", net::OVER_HTTP),
    ("Prometheus", more::PROMETHEUS),
    ("CouchDB", more::COUCHDB),
];

/// Before each script: where its servers are, and what most of them need.
pub const PREFACE: &str = r#"set -euo pipefail
export PGHOST=/run/postgresql PGUSER=postgres MYSQL_PWD=x ISC_USER=SYSDBA TERM=dumb
cd "$(mktemp -d)"
ends() { local wanted=$1 status=0; shift; "$@" || status=$?; [ "$status" = "$wanted" ] || { echo "ended with $status, not $wanted: $*" >&2; exit 1; }; }
is() { [ "$1" = "$2" ] || { echo "is $1, not $2" >&2; exit 1; }; }
"#;
