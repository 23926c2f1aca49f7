//! docs/recipes/subversion.md.
use e2e::case;
use e2e::runs::status;
use serde_json::json;

use crate::net::{IMAGE, Net, serve};

const SERVER: &str = r#"
cat >/data/anew <<'END'
rm -rf /data/svn; mkdir -p /data/svn
svnadmin create /data/svn/shop
printf '[general]\nanon-access=none\nauth-access=write\npassword-db=passwd\n' >/data/svn/shop/conf/svnserve.conf
printf '[users]\nadmin = secret\n' >/data/svn/shop/conf/passwd
printf '#!/bin/sh\nexit 0\n' >/data/svn/shop/hooks/pre-revprop-change
chmod +x /data/svn/shop/hooks/pre-revprop-change
END
bash -e /data/anew
exec svnserve --daemon --foreground --root /data/svn"#;

const FILL: &str = r#"
export HOME=/tmp; login="--username admin --password secret --non-interactive --no-auth-cache"
svn checkout -q $login svn://127.0.0.1/shop /tmp/work; cd /tmp/work
for i in $(seq 8); do head -c 200000 /dev/urandom >f$i; svn add -q f$i; svn commit -q $login -m "file $i"; done
svn copy -q f1 copy; svn propset -q colour red copy; svn commit -q $login -m "a copy""#;

#[test]
fn a_subversion_repository_comes_back_with_its_revisions_and_every_fault_of_its_dump_fails_the_run() {
    case("subversion", |case| async move {
        let ready =
            "svn info svn://127.0.0.1/shop --username admin --password secret --non-interactive --no-auth-cache";
        serve(&case, "subversion", 3690, SERVER, ready).await;
        let recipe = Net::of(&case, "subversion.yaml", IMAGE);
        case.secret(
            "subversion-credentials",
            json!({"username": "admin", "password": "secret"}),
        )
        .await;
        // An empty repository has its revision 0.
        let empty = status(&recipe.good("empty").await).bytes.unwrap();
        assert!((100..400).contains(&empty), "{empty}");

        case.exec("subversion", &["bash", "-ec", FILL]).await;
        // A restored repository has an id of its own.
        let sum = "svnadmin verify -q /data/svn/shop; svnadmin dump -q /data/svn/shop | grep -av ^UUID | sha256sum";
        let run = recipe.there_and_back("subversion", sum, "bash -e /data/anew").await;

        let half = status(&run).bytes.unwrap() / 2;
        recipe
            .fails_when_cut("subversion", "subversion", 3690, half, "svnrdump: E")
            .await;
        case.secret(
            "subversion-credentials",
            json!({"username": "admin", "password": "wrong"}),
        )
        .await;
        recipe.fails("password", "Password incorrect").await;
    });
}
