//! What is masked, what stays, and that twice is once.
use super::*;

#[test]
fn a_secret_in_one_of_the_usual_forms_is_masked_and_the_rest_stays() {
    for (said, shown) in [
        (
            "pg_dump: error: postgres://u:hunter2@db:5432/x?sslmode=off failed",
            "pg_dump: error: postgres://u:***@db:5432/x?sslmode=off failed",
        ),
        ("redis://:p@ss@host/0", "redis://:***@host/0"),
        ("https://ghp_abc@host/x", "https://***@host/x"),
        ("see https://host/a@b", "see https://host/a@b"),
        ("PGPASSWORD=hunter2 psql", "PGPASSWORD=*** psql"),
        ("host=db password=hunter2 dbname=x", "host=db password=*** dbname=x"),
        ("--password=hunter2 --user=u", "--password=*** --user=u"),
        ("--password hunter2 --user u", "--password *** --user u"),
        ("GET /x?token=abc&page=2", "GET /x?token=***&page=2"),
        ("Server=db;Pwd=hunter2;Database=x", "Server=db;Pwd=***;Database=x"),
        ("password: hunter2", "password: ***"),
        ("+ mysqldump -u root -phunter2 shop", "+ mysqldump -u root -p*** shop"),
        ("mysqldump -port 3306 -parallel", "mysqldump -port 3306 -parallel"),
        (
            "password authentication failed for user \"u\"",
            "password authentication failed for user \"u\"",
        ),
        (
            "Access denied for user 'root'@'10.0.0.7' (using password: YES)",
            "Access denied for user 'root'@'10.0.0.7' (using password: YES)",
        ),
        (
            r#"{"user":"u","password":"hunter2","n":1}"#,
            r#"{"user":"u","password":***,"n":1}"#,
        ),
        (r#"{"db_password": "hunter2"}"#, r#"{"db_password": ***"#),
        ("Authorization: Bearer hunter2", "Authorization: *** ***"),
        (
            "dial root:hunter2@tcp(db:3306)/x failed",
            "dial root:***@tcp(db:3306)/x failed",
        ),
        ("PASSWORD = hunter2", "PASSWORD = ***"),
        ("ALTER ROLE u PASSWORD 'hunter2'", "ALTER ROLE u PASSWORD ***"),
        (
            "CREATE USER u IDENTIFIED BY 'hunter2';",
            "CREATE USER u IDENTIFIED BY ***",
        ),
        ("db_pass=hunter2 dbpass: hunter2 x", "db_pass=*** dbpass: *** x"),
        ("tool --pass hunter2 --user u", "tool --pass *** --user u"),
        ("mysql -uroot -phunter2 shop", "mysql -uroot -p*** shop"),
        ("sshpass -p hunter2 ssh u@h", "sshpass -p *** ssh u@h"),
        (
            "+ /usr/bin/redis-cli -a hunter2 ping",
            "+ /usr/bin/redis-cli -a *** ping",
        ),
        ("curl -u ann:hunter2 https://h/", "curl -u *** https://h/"),
        ("mongodump -p hunter2 --db x", "mongodump -p *** --db x"),
        ("etcdctl --user root:hunter2 get x", "etcdctl --user *** get x"),
        (
            "ldapsearch -D cn=x -w hunter2 -b dc=x",
            "ldapsearch -D cn=x -w *** -b dc=x",
        ),
        (
            "mc alias set store https://h:9000 AKIA1 hunter2 --api S3v4",
            "mc alias set store https://h:9000 *** *** --api ***",
        ),
        (
            "+ /usr/bin/mcli --quiet alias set --path auto s $URL AKIA1 hunter2; mcli cp a s/b",
            "+ /usr/bin/mcli --quiet alias set --path auto s *** *** ***; mcli cp a s/b",
        ),
        (
            "mc config host add s http://h AKIA1 hunter2 >/dev/null && mc ls s",
            "mc config host add s http://h *** *** >/dev/null && mc ls s",
        ),
        ("mc alias list store long", "mc alias list store long"),
        ("git alias set a b c d", "git alias set a b c d"),
        (
            "k --from-literal=AWS_SECRET_ACCESS_KEY=hunter2",
            "k --from-literal=AWS_SECRET_ACCESS_KEY=***",
        ),
        (
            "AWS_ACCESS_KEY_ID=AKIA1 --access-key=hunter2",
            "AWS_ACCESS_KEY_ID=AKIA1 --access-key=***",
        ),
        ("AccountName=x;AccountKey=aGk=;y=z", "AccountName=x;AccountKey=***;y=z"),
        (
            "https://h/x?X-Amz-Signature=ab&sig=cd&n=1",
            "https://h/x?X-Amz-Signature=***&sig=***&n=1",
        ),
        (
            "ENCRYPTION_KEY=hunter2 PRIMARY_KEY=id",
            "ENCRYPTION_KEY=*** PRIMARY_KEY=id",
        ),
        ("curl -H 'Cookie: session=hunter2' h", "curl -H 'Cookie: *** h"),
        (
            "tool --password='hunter 2' --user u",
            "tool --password=*** *** --user u",
        ),
        ("password: \"hunter 2\" x", "password: *** *** x"),
        (r#"{"password": "hunter 2", "n": 1}"#, r#"{"password": *** *** "n": 1}"#),
        ("mysql -p shop", "mysql -p shop"),
        ("reset by peer after 5 s", "reset by peer after 5 s"),
        ("ssh -p 2222 host", "ssh -p 2222 host"),
        ("passed 3 of 3; bypass: none", "passed 3 of 3; bypass: none"),
        (r#"secret "db" not found"#, r#"secret "db" not found"#),
        ("blocked by 'policy'", "blocked by 'policy'"),
        ("a=b=c, x", "a=b=c, x"),
        ("secret=", "secret="),
        ("käse=ä token=ö", "käse=ä token=***"),
        ("", ""),
    ] {
        assert_eq!(masked(said), shown);
        assert_eq!(masked(shown), shown, "twice is once");
    }
    assert_eq!(masked("one token=a\ntwo\n\n"), "one token=***\ntwo\n\n");
    let hint = "expected -----BEGIN PRIVATE KEY-----\nwhat\n-----BEGIN PRIVATE KEY-----\nMIIE\nand so on\n";
    assert_eq!(masked(hint), hint.replace("MIIE", MASK));
    let pem = "-----BEGIN PRIVATE KEY-----\nMIIE\nabcd\n-----END PRIVATE KEY-----\nafter\n";
    let shown = "-----BEGIN PRIVATE KEY-----\n***\n***\n-----END PRIVATE KEY-----\nafter\n";
    assert_eq!((masked(pem).as_str(), masked(shown).as_str()), (shown, shown));
}

#[test]
fn the_words_of_a_command_are_masked_as_they_stand_beside_each_other() {
    for (words, shown) in [
        (
            &["mysqldump", "-u", "root", "-phunter2", "shop"][..],
            &["mysqldump", "-u", "root", "-p***", "shop"][..],
        ),
        (
            &["tool", "--password", "hunter2", "--user=u"],
            &["tool", "--password", "***", "--user=u"],
        ),
        (
            &["sh", "-c", "PGPASSWORD=hunter2 pg_dump  x\n\techo ok", "after"],
            &["sh", "-c", "PGPASSWORD=*** pg_dump  x\n\techo ok", "after"],
        ),
        (
            &["mc", "alias", "set", "s", "http://h", "AKIA1", "hunter2"],
            &["mc", "alias", "set", "s", "http://h", "***", "***"],
        ),
        (&["sshpass", "-p", "hunter2", ""], &["sshpass", "-p", "***", ""]),
        (
            &["cat", "-----BEGIN PRIVATE KEY-----\n  MIIE\n", "x"],
            &["cat", MASK, "x"],
        ),
        (&[], &[]),
    ] {
        assert_eq!(arguments(words), shown);
    }
}
