//! Commands of SQL databases that lie, and of what stands in pipes behind them.
use super::Trap;

const PG: &str = "postgres:15";
const MY: &str = "mysql:8.3.0";
const SQL: &str = "localhost/e2e/recipes-sql:dev";

pub const POSTGRESQL: &[Trap] = &[
    Trap {
        name: "psql-goes-on",
        tool: "psql 15.20",
        image: PG,
        writes: "`psql shop` as the restore",
        does: "goes on after statements that fail, exit 0",
        safe: "`psql -v ON_ERROR_STOP=1 --single-transaction shop`: exit 3, and nothing is changed",
        rule: Some("psql-on-error-stop"),
        shown: r"createdb goes_on
echo 'SELECT 1/0;' >dump
ends 0 psql -q -f dump goes_on 2>/dev/null
ends 3 psql -q -v ON_ERROR_STOP=1 --single-transaction -f dump goes_on 2>/dev/null",
    },
    Trap {
        name: "psql-single-transaction",
        tool: "psql 15.20",
        image: PG,
        writes: "`psql -1 shop` as the restore",
        does: "at the first statement that fails rolls everything back, exit 0: nothing was restored, and the restore is good",
        safe: "`-1` never without `-v ON_ERROR_STOP=1`",
        rule: Some("psql-single-transaction-alone"),
        shown: r#"createdb in_one
printf 'CREATE TABLE t (a int);\nSELECT 1/0;\n' >dump
ends 0 psql -q -1 -f dump in_one 2>/dev/null
is "$(psql -qAt in_one -c "SELECT count(*) FROM pg_tables WHERE tablename = 't'")" 0"#,
    },
    Trap {
        name: "psql-cut",
        tool: "psql and pg_dump 15.20",
        image: PG,
        writes: "`psql -1 -v ON_ERROR_STOP=1 shop`, fed by anything that may break off (`curl`, `kubectl exec`, `aws s3 cp -`)",
        does: "takes a dump that was cut within the rows of a COPY for a whole one: exit 0, and half the rows are committed",
        safe: "an input that ends on proof only, as a restore's here ([proof of the end](proof-of-the-end.md)); or `pg_dump -Fc` with `pg_restore`, which tells",
        rule: None,
        shown: r#"createdb whole; createdb cut
psql -q whole -c "CREATE TABLE t AS SELECT n AS a, md5(n::text) AS b FROM generate_series(1, 20000) n"
pg_dump whole >dump
head -n $(($(grep -n '^COPY' dump | cut -d: -f1) + 10000)) dump >half
ends 0 psql -q -1 -v ON_ERROR_STOP=1 -f - cut <half >/dev/null
is "$(psql -qAt cut -c 'SELECT count(*) FROM t')" 10000
createdb custom
pg_dump -Fc -Z0 whole | head -c -1 >half
ends 1 pg_restore -1 -d custom half 2>/dev/null"#,
    },
    Trap {
        name: "pg_restore-parallel",
        tool: "pg_restore 15.20",
        image: PG,
        writes: "`pg_restore -j 4 -d shop`",
        does: "`parallel restore from standard input is not supported`, exit 1",
        safe: "without `-j`; or, where the hours count, to a file in an `emptyDir` first",
        rule: None,
        shown: r"createdb parallel
pg_dump -Fc parallel >dump
ends 1 pg_restore -j 4 -d parallel <dump 2>said
grep -q 'parallel restore from standard input is not supported' said",
    },
    Trap {
        name: "pg_dump-hash",
        tool: "pg_dump 15.20",
        image: PG,
        writes: "a check by hash whether a plain dump has changed",
        does: "two dumps of one state differ: each has a key of its own (`\\restrict`)",
        safe: "`pg_dump --restrict-key=abc`; an older psql refuses such dumps under ON_ERROR_STOP, so keep client and server of one version",
        rule: None,
        shown: r#"createdb hashed
[ "$(pg_dump hashed | sha256sum)" != "$(pg_dump hashed | sha256sum)" ]
is "$(pg_dump --restrict-key=a hashed | sha256sum)" "$(pg_dump --restrict-key=a hashed | sha256sum)""#,
    },
    Trap {
        name: "pg_basebackup-stream",
        tool: "pg_basebackup 15.20",
        image: PG,
        writes: "`pg_basebackup -D - -Ft -X stream`",
        does: "`cannot stream write-ahead logs in tar mode to stdout`, exit 1",
        safe: "`--wal-method=fetch`",
        rule: None,
        shown: r"ends 1 pg_basebackup -D - -Ft -X stream -c fast 2>said
grep -q 'cannot stream write-ahead logs in tar mode to stdout' said",
    },
    Trap {
        name: "pg_basebackup-waits",
        tool: "pg_basebackup 15.20",
        image: PG,
        writes: "`pg_basebackup -D - -Ft -X fetch`",
        does: "prints nothing until the server's next checkpoint is over: minutes",
        safe: "`--checkpoint=fast`",
        rule: Some("pg_basebackup-checkpoint"),
        shown: r#"createdb waits
psql -q waits -c "CREATE TABLE t AS SELECT n AS a, md5(n::text) AS b FROM generate_series(1, 20000) n"
ends 124 timeout 4 pg_basebackup -D - -Ft -X fetch >out
is "$(wc -c <out)" 0
pg_basebackup -D - -Ft -X fetch -c fast >out
test -s out"#,
    },
];

pub const MARIADB: &[Trap] = &[
    Trap {
        name: "mariadb-cut",
        tool: "mariadb 10.11.19",
        image: MY,
        writes: "`mariadb shop`, fed by anything that may break off",
        does: "takes a dump that was cut after a row in parentheses, or between statements, for a whole one: exit 0, half the rows",
        safe: "an input that ends on proof only, as a restore's here; elsewhere look for `-- Dump completed` in the last line first",
        rule: None,
        shown: r"mariadb -u root -e 'CREATE DATABASE cut'
printf 'CREATE TABLE t (a int);\nINSERT INTO t VALUES (1),(2)' >half
ends 0 mariadb -u root cut <half
is $(mariadb -u root -N cut -e 'SELECT count(*) FROM t') 2",
    },
    Trap {
        name: "mariadb-force",
        tool: "mariadb 10.11.19",
        image: MY,
        writes: "`mariadb --force shop` as the restore",
        does: "goes on after statements that fail, exit 0",
        safe: "without `--force`: exit 1 at the first error (`--abort-source-on-error` is about `source` and changes nothing here)",
        rule: Some("mysql-force"),
        shown: r"mariadb -u root -e 'CREATE DATABASE forced'
printf 'INSERT INTO nix VALUES (1);\nCREATE TABLE t (a int);\n' >dump
ends 0 mariadb -u root --force forced <dump 2>/dev/null
ends 1 mariadb -u root forced <dump 2>/dev/null",
    },
    Trap {
        name: "mariadb-prints-rows",
        tool: "mariadb 10.11.19",
        image: MY,
        writes: "`mariadb shop`, and a statement of the dump fails",
        does: "prints the whole statement to standard error, hundreds of kilobytes of your customers' rows, into every log",
        safe: "`mariadb shop 2> >(grep ^ERROR >&2)` in bash; a run keeps no more than the end of it",
        rule: None,
        shown: r"mariadb -u root -e 'CREATE DATABASE rows_told'
mariadb -u root rows_told -e 'CREATE TABLE t SELECT seq AS a, SHA2(seq, 256) AS b FROM seq_1_to_5000'
mariadb-dump -u root rows_told | sed 's/VALUES/VALUES (1),/' >dump
ends 1 mariadb -u root rows_told <dump 2>said >/dev/null
test $(wc -c <said) -gt 300000
grep -q ^ERROR said",
    },
    Trap {
        name: "mariadb-dump-alter",
        tool: "mariadb-dump 10.11.19",
        image: MY,
        writes: "`mariadb-dump --single-transaction shop` while a migration runs",
        does: "an ALTER that InnoDB does at once (ADD COLUMN) is in the later tables of a dump that says `Dump completed`, exit 0: two schemas in one",
        safe: "keep migrations and backups apart (`suspend` the schedule, or run the backup before the migration)",
        rule: None,
        shown: r#"mariadb -u root -e 'CREATE DATABASE altered'
mariadb -u root altered -e 'CREATE TABLE a (x INT); CREATE TABLE b (x INT); INSERT INTO a VALUES (1); INSERT INTO b VALUES (1)'
waits() { until mariadb -u root -N -e 'SHOW PROCESSLIST' | grep -q "$1"; do sleep 0.1; done; }
(echo 'LOCK TABLES a WRITE, b WRITE; SELECT SLEEP(0.1);'; until [ -e waited ]; do sleep 0.1; done
echo 'ALTER TABLE b ADD COLUMN c INT DEFAULT 7; UNLOCK TABLES;') | mariadb -n -u root altered >locked &
until [ -s locked ]; do sleep 0.1; done
mariadb-dump -u root --single-transaction altered >dump & dumping=$!
waits 'metadata lock'
touch waited
ends 0 wait $dumping
wait
grep -q '`c` int(11) DEFAULT 7' dump
tail -n 1 dump | grep -q 'Dump completed'"#,
    },
    Trap {
        name: "mariadb-sandbox",
        tool: "mariadb 10.11.19",
        image: MY,
        writes: "`(cat; echo 'source post.sql') | mariadb shop`",
        does: "loads the dump, and then `Not allowed in the sandbox mode`, exit 1: today's dumps forbid the client's own commands after them",
        safe: "a second call of the client for what comes after",
        rule: None,
        shown: r"mariadb -u root -e 'CREATE DATABASE sandbox'
mariadb -u root sandbox -e 'CREATE TABLE t (a INT)'
(mariadb-dump -u root sandbox; echo 'system true') >dump
ends 1 mariadb -u root sandbox <dump 2>said
grep -q 'Not allowed in the sandbox mode' said",
    },
    Trap {
        name: "mariadb-dump-locks",
        tool: "mariadb-dump 10.11.19",
        image: MY,
        writes: "`mariadb-dump shop`",
        does: "locks all tables of the database as long as it reads: whoever writes waits",
        safe: "`--single-transaction` (InnoDB)",
        rule: Some("mysqldump-locks"),
        shown: r#"mariadb -u root -e 'CREATE DATABASE locked; CREATE TABLE locked.t (a INT)'
mariadb -u root -e "SET GLOBAL general_log_file = '/tmp/general'; SET GLOBAL general_log = 1"
mariadb-dump -u root locked >/dev/null
mariadb-dump -u root --single-transaction locked >/dev/null
mariadb -u root -e "SET GLOBAL general_log = 0"
is "$(grep -c 'LOCK TABLES `t` READ' /tmp/general)" 1"#,
    },
    Trap {
        name: "mbstream-empty",
        tool: "mbstream 10.11.19",
        image: MY,
        writes: "`mbstream -x -C /restore` as the restore",
        does: "ends with 0 after nothing at all, and after a stream that was cut between two chunks",
        safe: "`mbstream -x -C /restore && mariadb-backup --prepare --target-dir=/restore`, which tells",
        rule: Some("mbstream-alone"),
        shown: r"ends 0 mbstream -x -C . </dev/null
ends 1 mariadb-backup --prepare --target-dir=. 2>/dev/null",
    },
];

pub const SQLITE: &[Trap] = &[
    Trap {
        name: "sqlite-locked",
        tool: "sqlite3 3.40.1",
        image: SQL,
        writes: "`sqlite3 app.db .dump`, and another process holds the database",
        does: "prints an empty transaction that ends with `ROLLBACK; -- due to errors`, exit 0; restored, it is an empty database, exit 0",
        safe: "`sqlite3 -readonly -cmd '.timeout 60000' app.db \"VACUUM INTO '/scratch/copy.db'\"`, then `cat` the copy",
        rule: Some("sqlite3-dump"),
        shown: r#"sqlite3 app.db 'CREATE TABLE t (a); INSERT INTO t VALUES (1)'
mkfifo say; sqlite3 app.db <say & exec 3>say
# With patience: the look below may be at it in that moment.
printf '.timeout 60000\nBEGIN EXCLUSIVE; SELECT 1;\n' >&3
until ! sqlite3 app.db 'SELECT * FROM t' >/dev/null 2>&1; do sleep 0.1; done
ends 0 sqlite3 app.db .dump >dump
is "$(tail -n 1 dump)" 'ROLLBACK; -- due to errors'
ends 0 sqlite3 restored.db <dump
is "$(sqlite3 restored.db .tables)" ''
ends 5 sqlite3 -readonly app.db "VACUUM INTO 'copy.db'" 2>/dev/null
exec 3>&-; wait"#,
    },
    Trap {
        name: "sqlite-damaged",
        tool: "sqlite3 3.40.1",
        image: SQL,
        writes: "`sqlite3 app.db .dump`, or `.backup`, of a damaged database",
        does: "`.dump` ends with `ROLLBACK; -- due to errors` and 0; `.backup` copies the damage, exit 0",
        safe: "`VACUUM INTO` reads everything and ends with 11; `PRAGMA integrity_check` of the copy",
        rule: Some("sqlite3-dump"),
        shown: r#"sqlite3 app.db "CREATE TABLE t (a, b); WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20000) INSERT INTO t SELECT n, hex(n) FROM c"
dd if=/dev/zero of=app.db bs=4096 seek=20 count=2 conv=notrunc 2>/dev/null
ends 0 sqlite3 app.db .dump >dump
is "$(tail -n 1 dump)" 'ROLLBACK; -- due to errors'
ends 0 sqlite3 app.db '.backup copy.db'
ends 11 sqlite3 -readonly app.db "VACUUM INTO 'vacuum.db'" 2>/dev/null"#,
    },
    Trap {
        name: "sqlite-mistyped",
        tool: "sqlite3 3.40.1",
        image: SQL,
        writes: "`sqlite3 ap.db .dump` with a mistyped name",
        does: "makes the file, and prints a whole dump of nothing, exit 0",
        safe: "`-readonly`: exit 1",
        rule: Some("sqlite3-dump"),
        shown: r#"ends 0 sqlite3 nix.db .dump >dump
is "$(tail -n 1 dump)" 'COMMIT;'
ends 1 sqlite3 -readonly nix2.db .dump >/dev/null 2>&1"#,
    },
    Trap {
        name: "sqlite-stdout",
        tool: "sqlite3 3.40.1",
        image: SQL,
        writes: "`sqlite3 app.db '.backup /dev/stdout'`",
        does: "works by hand with `> file`, and fails in a pipe: `cannot open \"/dev/stdout\"`, exit 1",
        safe: "a copy in an `emptyDir`, then `cat`",
        rule: None,
        shown: r"sqlite3 app.db 'CREATE TABLE t (a)'
(ends 1 sqlite3 app.db '.backup /dev/stdout' 2>/dev/null) | cat >out
test ! -s out
ends 0 sqlite3 app.db '.backup /dev/stdout' >file
test -s file",
    },
    Trap {
        name: "sqlite-cut",
        tool: "sqlite3 3.40.1",
        image: SQL,
        writes: "`sqlite3 app.db` as the restore of a dump that was cut between two statements",
        does: "exit 0, and the database is empty: the COMMIT at the end never came",
        safe: "an input that ends on proof only, as a restore's here; or restore the file itself",
        rule: None,
        shown: r#"sqlite3 app.db 'CREATE TABLE t (a); INSERT INTO t VALUES (1), (2), (3)'
sqlite3 app.db .dump | sed '$d' >half
ends 0 sqlite3 restored.db <half
is "$(sqlite3 restored.db .tables)" ''"#,
    },
];

pub const OTHERS: &[Trap] = &[
    Trap {
        name: "gbak-half",
        tool: "gbak 3.0.11 (Firebird)",
        image: SQL,
        writes: "`gbak -c stdin shop.fdb`, or `-rep`, as the restore",
        does: "of half a backup: exit 1 after it prompted hundreds of times, and the half database opens and answers; `-rep` threw the old one away before that",
        safe: "`-c` into a new name, renamed after it ended well",
        rule: Some("gbak-replaces"),
        shown: r#"printf '%s\n' "CREATE DATABASE 'a.fdb' PAGE_SIZE 8192;" 'CREATE TABLE t (a INT, b VARCHAR(60)); COMMIT; SET TERM ^;' \
	'EXECUTE BLOCK AS DECLARE i INT = 0; BEGIN WHILE (i < 20000) DO BEGIN INSERT INTO t VALUES (:i, LPAD(:i, 60)); i = i + 1; END END^ COMMIT^' | isql-fb -q >/dev/null 2>&1
gbak -b a.fdb stdout >a.fbk
cp a.fdb old.fdb
head -c $(($(wc -c <a.fbk) / 2)) a.fbk >half
ends 1 gbak -c stdin new.fdb <half >/dev/null 2>&1
ends 1 gbak -rep stdin old.fdb <half >/dev/null 2>&1
count() { echo 'SELECT COUNT(*) FROM t;' | isql-fb -q "$1" 2>/dev/null | tr -dc 0-9; }
is "$(count a.fdb)" 20000
test "$(count new.fdb)" -lt 20000
test "$(count old.fdb)" -lt 20000"#,
    },
    Trap {
        name: "duckdb-cut",
        tool: "duckdb 1.5.6",
        image: SQL,
        writes: "`IMPORT DATABASE` of an export as CSV, of which a file was cut",
        does: "exit 0 and the rows up to there, the last one torn",
        safe: "`EXPORT DATABASE ... (FORMAT parquet)`: a cut file is refused",
        rule: None,
        shown: r#"duckdb a.duck "CREATE TABLE t AS SELECT range AS a, md5(range::text) AS b FROM range(50000); EXPORT DATABASE 'csv'; EXPORT DATABASE 'parquet' (FORMAT parquet)"
for file in csv/t.csv parquet/t.parquet; do head -c $(($(wc -c <$file) / 2)) $file >half; mv half $file; done
ends 0 duckdb b.duck "IMPORT DATABASE 'csv'"
test "$(duckdb -noheader -list b.duck 'SELECT count(*) FROM t')" -lt 50000
ends 1 duckdb c.duck "IMPORT DATABASE 'parquet'" 2>/dev/null"#,
    },
];

pub const STREAMS: &[Trap] = &[
    Trap {
        name: "tar-cut",
        tool: "GNU tar 1.34",
        image: SQL,
        writes: "`tar -x` as the restore",
        does: "a stream that was cut between two files, or within the next one's header, is a whole one: exit 0, without a word",
        safe: "an input that ends on proof only, as a restore's here; or a last file that is looked for after it",
        rule: None,
        shown: r"echo hello >x; echo world >y
tar c x y | head -c 1100 >half
ends 0 tar x -C /tmp -f half
ends 0 tar t -f half >list
is $(wc -l <list) 1",
    },
    Trap {
        name: "tar-hides",
        tool: "GNU tar 1.34",
        image: SQL,
        writes: "`tar -c --warning=no-file-changed`",
        does: "hides the message and leaves the exit 1: the backup fails without a word",
        safe: "without it; the run's log then says which file changed",
        rule: Some("tar-hides"),
        shown: r#"head -c 4000000 /dev/urandom >big
ends 1 tar -cf whole --warning=no-file-changed --checkpoint=10 --checkpoint-action=exec='echo x >>big' big 2>said
test ! -s said"#,
    },
    Trap {
        name: "tar-forgiven",
        tool: "GNU tar 1.34",
        image: SQL,
        writes: "`tar -c DIR || [ $? = 1 ]`",
        does: "forgives `file changed as we read it`, and with it `File shrank; padding with zeros`, which is exit 1 too: what is stored has the old length, and zeros at its end",
        safe: "let it fail and set `backoffLimit`, or back up a copy that nobody writes to",
        rule: Some("tar-forgiven"),
        shown: r#"head -c 4000000 /dev/urandom >file
ends 1 tar -cf whole --checkpoint=10 --checkpoint-action=exec='truncate -s 1000000 file' file 2>said
grep -q 'File shrank by [0-9]* bytes; padding with zeros' said
tar -xf whole
is "$(stat -c %s file)" 4000000"#,
    },
    Trap {
        name: "tar-ignore-failed-read",
        tool: "GNU tar 1.34",
        image: SQL,
        writes: "`tar -c --ignore-failed-read one two`",
        does: "leaves out a file that is not there, exit 0",
        safe: "without it: exit 2",
        rule: Some("tar-hides"),
        shown: r#"echo one >one
ends 2 tar -cf whole one two 2>/dev/null
ends 0 tar -cf whole --ignore-failed-read one two 2>/dev/null
is "$(tar -tf whole)" one"#,
    },
    Trap {
        name: "gzip-members",
        tool: "gzip 1.12",
        image: SQL,
        writes: "`gzip -d` of many members in one stream (`cat a.gz b.gz`, bgzip), cut between two",
        does: "exit 0, and the members behind are not there",
        safe: "`spec.compression`: what is restored is proved by its hash",
        rule: None,
        shown: r#"echo a | gzip >a.gz; echo b | gzip >b.gz
ends 0 gzip -dc <a.gz >out
is "$(cat out)" a"#,
    },
];
