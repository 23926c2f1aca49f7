//! Each rule fires on what lies, and not on its safe form.
use super::*;

/// The names of the rules that a script breaks, as the command of a shell.
fn broken(on: On, script: &str, compressed: bool) -> Vec<&'static str> {
    let command = ["sh".to_owned(), "-c".to_owned(), script.to_owned()];
    let said = look(on, &command, &[], "f", compressed);
    let rule = |fault: &Fault| {
        RULES
            .iter()
            .find(|rule| rule.words == fault.message)
            .map(|rule| rule.name)
    };
    said.iter().filter_map(rule).collect()
}

/// Scripts that break the rule, and scripts that do not.
const CASES: &[(&str, &[&str], &[&str])] = &[
    (
        "psql-single-transaction-alone",
        &[
            "psql -1 shop",
            "psql --single-transaction shop",
            "PGPASSWORD=x psql -q1 -d shop",
        ],
        &[
            "psql -1 -v ON_ERROR_STOP=1 shop",
            "psql -h10.1.1.1 -v ON_ERROR_STOP=on shop",
            "psql -vON_ERROR_STOP=1 -1 shop",
        ],
    ),
    (
        "psql-on-error-stop",
        &[
            "psql shop",
            "gunzip | psql -h db shop",
            "exec psql shop",
            "timeout 60 psql shop",
            "psql -v ON_ERROR_STOP=0 shop",
            "psql shop 2>&1 || exit 1",
        ],
        &[
            "psql -v ON_ERROR_STOP=1 shop",
            "psql --set=ON_ERROR_STOP=on --single-transaction shop",
            "psql -c 'DROP TABLE x' shop",
            "{ echo '\\set ON_ERROR_STOP on'; cat; } | psql shop",
            "echo psql; cat",
        ],
    ),
    (
        "mysqldump-locks",
        &[
            "mysqldump shop",
            "mariadb-dump --all-databases",
            "/usr/bin/mysqldump -h db -u \"$USER\" \"-p$PASSWORD\" shop",
        ],
        &[
            "mysqldump --single-transaction shop",
            "mysqldump -x shop",
            "mariadb-dump --lock-all-tables -A",
            "mysqldump --no-data shop",
        ],
    ),
    (
        "mysql-force",
        &["mysql --force shop", "mariadb -f shop"],
        &["mysql -h f shop", "mariadb shop"],
    ),
    (
        "tar-forgiven",
        &["tar -c /data || true", "tar c . || [ $? = 1 ]"],
        &["tar -c /data", "test -d /data || exit 1; tar -c /data"],
    ),
    (
        "tar-hides",
        &["tar --warning=no-file-changed -c .", "tar c --ignore-failed-read ."],
        &["tar --warning=no-timestamp -c .", "tar -c ."],
    ),
    (
        "sqlite3-dump",
        &[
            "sqlite3 /data/app.db .dump",
            "sqlite3 -readonly /data/app.db '.timeout 5000' '.dump'",
        ],
        &[
            "sqlite3 -readonly /data/app.db \"VACUUM INTO '/tmp/copy.db'\" && cat /tmp/copy.db",
            "sqlite3 -readonly /data/app.db .dump >/tmp/s && tail -1 /tmp/s | grep -qx 'COMMIT;' && cat /tmp/s",
        ],
    ),
    (
        "terminal",
        &[
            "kubectl exec -it db-0 -- pg_dump shop",
            "docker exec -t db pg_dump",
            "kubectl exec --tty db -- mysqldump --single-transaction s",
        ],
        &[
            "kubectl exec db-0 -- pg_dump shop",
            "kubectl exec -i db-0 -- pg_dump -T logs shop",
        ],
    ),
    (
        "etcd-stdout",
        &[
            "etcdctl snapshot save /dev/stdout",
            "ETCDCTL_API=3 etcdctl snapshot save -",
        ],
        &["etcdctl snapshot save /tmp/e.db >&2 && cat /tmp/e.db"],
    ),
    (
        "pg_basebackup-checkpoint",
        &["pg_basebackup -D - -Ft -X fetch", "pg_basebackup -c spread -D -"],
        &[
            "pg_basebackup -D - -Ft -X fetch -c fast",
            "pg_basebackup -D - --checkpoint=fast",
            "pg_basebackup --checkpoint fast -D -",
        ],
    ),
    (
        "openssl-enc",
        &["cat x | openssl enc -aes-256-ctr -pass env:P", "openssl aes-256-cbc -e"],
        &["openssl dgst -sha256 x", "openssl s_client", "age -r x"],
    ),
    (
        "mbstream-alone",
        &["mbstream -x -C /restore"],
        &["mbstream -x -C /restore && mariadb-backup --prepare --target-dir=/restore"],
    ),
    (
        "git-unbundle",
        &["git bundle unbundle /dev/stdin"],
        &["cat >/tmp/b && git clone --mirror /tmp/b /repo"],
    ),
    (
        "gbak-replaces",
        &["gbak -rep stdin db:/data/a.fdb", "gbak -r stdin a.fdb"],
        &["gbak -c stdin db:/data/new.fdb", "gbak -c -v stdin new.fdb"],
    ),
];

#[test]
fn a_rule_is_broken_by_what_lies_and_not_by_its_safe_form() {
    for (name, lies, safe) in CASES {
        let on = RULES.iter().find(|rule| rule.name == *name).unwrap().on;
        for script in *lies {
            assert_eq!(broken(on, script, false), [*name], "{script}");
        }
        for script in *safe {
            assert!(
                broken(on, script, false).is_empty(),
                "{script}: {:?}",
                broken(on, script, false)
            );
        }
    }
}

#[test]
fn a_compressor_is_one_too_many_only_where_the_run_compresses() {
    for (script, compressed, told) in [
        ("pg_dump shop | gzip", true, true),
        ("pg_dump shop | zstd -3 -T2", true, true),
        ("pg_dump shop | gzip -9 >&1", true, true),
        ("pg_dump shop | gzip", false, false),
        ("cat /dumps/today.gz | gzip -d", true, false),
        ("cat /dumps/today.gz | gzip --decompress", true, false),
        ("gzip -dc x | sed s/a/b/", true, false),
        ("pg_dump shop", true, false),
    ] {
        let said = broken(On::Backup, script, compressed).contains(&"compressed-twice");
        assert_eq!(said, told, "{script} {compressed}");
    }
}

#[test]
fn each_rule_has_its_cases_and_says_the_cure() {
    for rule in RULES {
        assert!(
            rule.name == "compressed-twice" || CASES.iter().any(|(name, ..)| *name == rule.name),
            "{} has no case",
            rule.name
        );
        assert!(
            rule.words.contains(';'),
            "{}: what happens, then the safe form",
            rule.name
        );
    }
}

#[test]
fn a_command_without_a_shell_is_looked_at_as_it_is_and_told_by_its_field() {
    let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    for (command, args, place) in [
        (&["psql", "shop"][..], &[][..], Some("f.command[0]")),
        (&[], &["psql", "shop"], Some("f.args[0]")),
        (
            &["bash", "-o", "pipefail", "-c"],
            &["cat | psql shop"],
            Some("f.args[0]"),
        ),
        (&["env", "PGUSER=x", "psql", "shop"], &[], Some("f.command[0]")),
        (&["psql", "-v", "ON_ERROR_STOP=1"], &["shop"], None),
        (&["echo", "psql"], &[], None),
        (&[], &[], None),
    ] {
        let said = restore(&words(command), &words(args), "f");
        assert_eq!(said.first().map(|f| f.field.as_str()), place, "{command:?} {args:?}");
    }
}
