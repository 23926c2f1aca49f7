//! docs/recipes/influxdb.md.
use e2e::case;
use e2e::runs::status;

use crate::net::{IMAGE, Net, serve};

const SERVER: &str = r#"
cat >/data/influxdb.conf <<END
bind-address = ":8088"
reporting-disabled = true
[meta]
  dir = "/data/meta"
[data]
  dir = "/data/data"
  wal-dir = "/data/wal"
[http]
  auth-enabled = true
END
exec influxd -config /data/influxdb.conf"#;
const FIRST: &str = r#"influx -execute "CREATE USER admin WITH PASSWORD 'secret' WITH ALL PRIVILEGES""#;
const AS_ADMIN: &str = "influx -username admin -password secret";

#[test]
fn databases_of_influxdb_come_back_and_every_fault_of_their_backup_fails_the_run() {
    case("influxdb", |case| async move {
        serve(&case, "influxdb", 8088, SERVER, FIRST).await;
        let recipe = Net::of(&case, "influxdb.yaml", IMAGE);
        // No database: the users are in it all the same.
        let empty = status(&recipe.good("empty").await).bytes.unwrap();
        assert!((1000..=10240).contains(&empty), "{empty}");
        let fill = format!(
            "set -e; {AS_ADMIN} -execute 'CREATE DATABASE shop'; for i in $(seq 20000); do echo \"m,h=$((i%50)) v=$((i*7919%65521)) ${{i}}000000000\"; done >/tmp/lines; \
             curl -sS --fail -u admin:secret --data-binary @/tmp/lines 'http://127.0.0.1:8086/write?db=shop'"
        );
        case.sh("influxdb", &fill).await;
        let sum = format!("{AS_ADMIN} -database shop -format csv -execute 'SELECT * FROM m' | sha256sum");
        let destroy = format!("{AS_ADMIN} -execute 'DROP DATABASE shop'");
        recipe.there_and_back("influxdb", &sum, &destroy).await;

        // influxd itself calls this complete. First of all it asks for what is to be backed up; the shard is most of the rest.
        recipe
            .fails_or_is_stopped_when_cut("influxdb", "influxdb", 8088, 20_000)
            .await;
    });
}
