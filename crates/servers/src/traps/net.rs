//! Commands of servers that are no SQL databases, and lie.
use super::Trap;

const NET: &str = "localhost/e2e/recipes-net:dev";
const REDIS: &str = "redis:7";

pub const REDIS_AND_VALKEY: &[Trap] = &[Trap {
    name: "redis-cli-errors",
    tool: "redis-cli 7.0.15",
    image: REDIS,
    writes: "`redis-cli replicaof ...`, `config set`, `eval` in a script with `set -e`",
    does: "an error of the server is printed on stdout, exit 0; also a wrong password",
    safe: "`[ \"$(redis-cli ...)\" = OK ]`, or `redis-cli -e`",
    rule: None,
    shown: r#"redis-server --port 7001 --save '' --dir "$PWD" --daemonize yes >/dev/null
until redis-cli -p 7001 ping >/dev/null 2>&1; do :; done
ends 0 redis-cli -p 7001 config set no-such-thing 1 >said
grep -q ERR said
ends 1 redis-cli -e -p 7001 config set no-such-thing 1 >/dev/null 2>&1
ends 0 redis-cli -p 7001 shutdown nosave"#,
}];

pub const ETCD: &[Trap] = &[
    Trap {
        name: "etcdctl-stdout",
        tool: "etcdctl 3.4.23",
        image: NET,
        writes: "`etcdctl snapshot save -`",
        does: "makes a file called `-` and prints a sentence: that is the backup, exit 0. `/dev/stdout`, as root, it replaces by a file",
        safe: "`etcdctl snapshot save FILE >&2 && cat FILE`",
        rule: Some("etcd-stdout"),
        shown: r#"export ETCDCTL_API=3 ETCDCTL_ENDPOINTS=http://127.0.0.1:23791
etcd --data-dir d --listen-client-urls $ETCDCTL_ENDPOINTS --advertise-client-urls $ETCDCTL_ENDPOINTS --listen-peer-urls http://127.0.0.1:23801 --log-level error >/dev/null 2>&1 &
trap 'kill $!' EXIT
until etcdctl endpoint health >/dev/null 2>&1; do :; done
ends 0 etcdctl snapshot save - >said 2>/dev/null
is "$(cat said)" "Snapshot saved at -"
[ -s ./- ]"#,
    },
    Trap {
        name: "etcdctl-status",
        tool: "etcdctl 3.4.23",
        image: NET,
        writes: "`etcdctl snapshot status FILE` as a check",
        does: "says the same of a snapshot that lacks its last 32 bytes, the hash, exit 0",
        safe: "`snapshot restore` into a new folder: `snapshot missing hash`, exit 1",
        rule: None,
        shown: r#"export ETCDCTL_API=3 ETCDCTL_ENDPOINTS=http://127.0.0.1:23792
etcd --data-dir d --listen-client-urls $ETCDCTL_ENDPOINTS --advertise-client-urls $ETCDCTL_ENDPOINTS --listen-peer-urls http://127.0.0.1:23802 --log-level error >/dev/null 2>&1 &
trap 'kill $!' EXIT
until etcdctl endpoint health >/dev/null 2>&1; do :; done
etcdctl snapshot save whole >/dev/null 2>&1
head -c -32 whole >cut
is "$(etcdctl snapshot status whole)" "$(etcdctl snapshot status cut)"
ends 1 etcdctl snapshot restore cut --data-dir new >/dev/null 2>&1"#,
    },
];

pub const OPENLDAP: &[Trap] = &[Trap {
    name: "slapadd-cut",
    tool: "slapadd 2.5.13",
    image: NET,
    writes: "`slapadd`, fed by anything that may break off",
    does: "an entry that was cut inside is stored, with half a value, exit 0. LDIF has no end",
    safe: "`ldapsearch -L`, whose last line counts the entries, and a restore that counts them first ([OpenLDAP](openldap.md))",
    rule: None,
    shown: r#"cat >conf <<END
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
suffix dc=example,dc=org
maxsize 16777216
directory $PWD/db
END
mkdir db
printf 'dn: dc=example,dc=org\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\ndn: uid=a,dc=example,dc=org\nobjectClass: inetOrgPerson\nuid: a\ncn: A\nsn: A\nmail: someb' >cut
ends 0 slapadd -f conf -l cut
slapcat -f conf | grep -qx 'mail: someb'"#,
}];

pub const REPOSITORIES: &[Trap] = &[
    Trap {
        name: "git-bundle-verify",
        tool: "git 2.39.5",
        image: NET,
        writes: "`git bundle verify` as a check",
        does: "looks at the head alone: 300 bytes of 300,000 are okay, exit 0. Of an empty repository `create` has sent its head when it fails",
        safe: "`git clone --mirror FILE`: exit 128",
        rule: None,
        shown: r#"export HOME=$PWD
git init -q work; cd work; git config user.email a@b; git config user.name a
head -c 300000 /dev/urandom >file; git add file; git commit -qm one
git bundle create -q whole --all
head -c 300 whole >cut
ends 0 git bundle verify -q cut 2>/dev/null
ends 128 git clone -q --mirror cut ../copy 2>/dev/null
git init -q --bare ../empty
ends 128 git -C ../empty bundle create - --all >said 2>/dev/null
[ -s said ]"#,
    },
    Trap {
        name: "git-bundle-unbundle",
        tool: "git 2.39.5",
        image: NET,
        writes: "`git bundle unbundle FILE` as the restore",
        does: "of a whole bundle makes no ref, exit 0: nothing is found of what was restored",
        safe: "`git clone --mirror FILE DIR`",
        rule: Some("git-unbundle"),
        shown: r#"export HOME=$PWD
git init -q work; git -C work -c user.email=a@b -c user.name=a commit -q --allow-empty -m one
git -C work bundle create -q ../whole --all
git init -q --bare copy
ends 0 git -C copy bundle unbundle ../whole >/dev/null
is "$(git -C copy for-each-ref)" ""
ends 0 git clone -q --mirror whole mirror
[ -n "$(git -C mirror for-each-ref)" ]"#,
    },
    Trap {
        name: "openssl-enc",
        tool: "openssl 3.0.22",
        image: NET,
        writes: "`dump | openssl enc -aes-256-ctr` as the backup",
        does: "decrypts a backup that was cut, or changed, to something else, exit 0. With CBC a cut is exit 1, when most of it is out already",
        safe: "`spec.encryption`, or age",
        rule: Some("openssl-enc"),
        shown: r#"head -c 100000 /dev/zero >whole
for c in cbc ctr; do openssl enc -aes-256-$c -pbkdf2 -pass pass:x -in whole -out $c; done
ends 0 openssl enc -d -aes-256-ctr -pbkdf2 -pass pass:x -in <(head -c 50000 ctr) -out half
is "$(stat -c %s half)" 49984
ends 1 openssl enc -d -aes-256-cbc -pbkdf2 -pass pass:x -in <(head -c 50000 cbc) -out half 2>/dev/null
[ -s half ]
{ head -c 50000 ctr; printf xxxx; tail -c +50005 ctr; } >changed
ends 0 openssl enc -d -aes-256-ctr -pbkdf2 -pass pass:x -in changed -out said
[ "$(sha256sum <whole)" != "$(sha256sum <said)" ]"#,
    },
    Trap {
        name: "svnadmin-load-cut",
        tool: "svnadmin 1.14.2",
        image: NET,
        writes: "`svnadmin load` or `svnrdump load`, fed by anything that may break off",
        does: "between two revisions a cut is not noticed: exit 0, and the last revisions are missing",
        safe: "an input that ends on proof only, as a restore's here; or hold `svnlook youngest` against the last `Revision-number`",
        rule: None,
        shown: r#"svnadmin create from; svnadmin create to
for i in 1 2 3; do svn mkdir -q -m $i "file://$PWD/from/dir$i"; done
svnadmin dump -q from >whole
head -c "$(grep -abo '^Revision-number: 3' whole | cut -d: -f1)" whole >cut
ends 0 svnadmin load -q to <cut
is "$(svnlook youngest to)" 2"#,
    },
    Trap {
        name: "restic-stdin",
        tool: "restic 0.14.0",
        image: NET,
        writes: "`dump | restic backup --stdin`",
        does: "a dump that failed is stored as far as it came, exit 0",
        safe: "`set -o pipefail` tells, when the half is stored already; later versions have `--stdin-from-command`",
        rule: None,
        shown: r#"export RESTIC_REPOSITORY=$PWD/repo RESTIC_PASSWORD=x
restic --no-cache init >/dev/null
set +o pipefail
{ echo half; false; } | ends 0 restic --no-cache backup -q --stdin --stdin-filename /dump.sql
is "$(restic --no-cache dump latest /dump.sql)" half"#,
    },
];

pub const OVER_HTTP: &[Trap] = &[
    Trap {
        name: "curl-fail",
        tool: "curl 7.88.1",
        image: NET,
        writes: "`curl URL` as the backup",
        does: "an error page is a good backup, exit 0",
        safe: "`curl --fail`: exit 22, and nothing is on stdout",
        rule: None,
        shown: r#"mkdir -p www; printf 'server.document-root = "%s"\nserver.port = 8431\n' "$PWD/www" >conf
lighttpd -D -f conf & trap 'kill $!' EXIT
until curl -s -o /dev/null http://127.0.0.1:8431/; do :; done
ends 0 curl -sS http://127.0.0.1:8431/no-such-export >said
[ -s said ]
ends 22 curl -sS --fail http://127.0.0.1:8431/no-such-export >said 2>/dev/null
[ ! -s said ]"#,
    },
    Trap {
        name: "victoriametrics-twice",
        tool: "VictoriaMetrics 1.79.5",
        image: NET,
        writes: "an import into a server that has the series",
        does: "each sample is there twice, exit 0. An export of nothing is 16 bytes, exit 0",
        safe: "restore into an empty server; `minSize: \"17\"`",
        rule: None,
        shown: r#"victoria-metrics -storageDataPath vm -httpListenAddr 127.0.0.1:8432 -memory.allowedBytes 32MB >/dev/null 2>&1 & trap 'kill $!' EXIT
vm=http://127.0.0.1:8432
until curl -sf -o /dev/null $vm/health; do :; done
all() { curl -sSf -G "$vm/api/v1/$1" --data-urlencode 'match[]={__name__!=""}'; }
is "$(all export/native | wc -c)" 16
printf 'm 1 %s000\n' "$(date +%s)" | curl -sSf --data-binary @- $vm/api/v1/import/prometheus
has() { until curl -sSf $vm/internal/force_flush && [ "$(all export | jq '.values | length')" = "$1" ]; do sleep 0.2; done; }
has 1
all export/native >whole
ends 0 curl -sSf -X POST -T whole $vm/api/v1/import/native
has 2"#,
    },
    Trap {
        name: "influxd-restore",
        tool: "influxd 1.6.7",
        image: NET,
        writes: "`influxd restore -portable DIR`",
        does: "a shard whose file is missing is passed over, exit 0. `influxd backup -` makes a folder called `-`, and its log is the backup",
        safe: "hold the folder against the manifest first, and look for the end of each shard when it is made: a server that dies in the middle of one is `backup complete` ([InfluxDB](influxdb.md))",
        rule: None,
        shown: r#"printf 'bind-address = "127.0.0.1:8098"\nreporting-disabled = true\n[meta]\ndir = "%s/meta"\n[data]\ndir = "%s/data"\nwal-dir = "%s/wal"\n[http]\nbind-address = "127.0.0.1:8096"\n' "$PWD" "$PWD" "$PWD" >conf
influxd -config conf >/dev/null 2>&1 & trap 'kill $!' EXIT
ask() { influx -port 8096 -execute "$1"; }
until ask 'SHOW DATABASES' >/dev/null 2>&1; do :; done
ask 'CREATE DATABASE shop'
curl -sSf --data-binary 'm v=1' 'http://127.0.0.1:8096/write?db=shop'
influxd backup -portable -host 127.0.0.1:8098 whole >/dev/null 2>&1
rm whole/*.tar.gz
ask 'DROP DATABASE shop'
ends 0 influxd restore -portable -host 127.0.0.1:8098 whole >/dev/null 2>&1
is "$(influx -port 8096 -database shop -execute 'SELECT * FROM m')" ""
ends 0 influxd backup -portable -host 127.0.0.1:8098 - >said 2>/dev/null
grep -q 'backup complete' said
[ -d ./- ]"#,
    },
];
