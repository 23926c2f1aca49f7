//! docs/recipes/git.md.
use e2e::case;
use e2e::runs::status;
use serde_json::json;

use crate::net::{IMAGE, Net, serve};

const SERVER: &str = r#"
mkdir -p /data/git
git init -q --bare /data/git/shop.git
echo app:secret >/data/users
cat >/data/lighttpd.conf <<END
server.modules = ("mod_auth", "mod_authn_file", "mod_alias", "mod_setenv", "mod_cgi")
server.port = 80
server.document-root = "/data"
auth.backend = "plain"
auth.backend.plain.userfile = "/data/users"
auth.require = ("/" => ("method" => "basic", "realm" => "git", "require" => "valid-user"))
alias.url = ("/git" => "/usr/lib/git-core/git-http-backend")
setenv.add-environment = ("GIT_PROJECT_ROOT" => "/data/git", "GIT_HTTP_EXPORT_ALL" => "1")
cgi.assign = ("" => "")
END
exec lighttpd -D -f /data/lighttpd.conf"#;

const FILL: &str = r#"
export HOME=/tmp; git clone -q /data/git/shop.git /tmp/work; cd /tmp/work
git config user.email a@b; git config user.name Zoë
for i in $(seq 10); do head -c 100000 /dev/urandom >f$i; git add f$i; git commit -qm "file $i"; done
git branch side HEAD~3; git tag -a v1 -m "the first"; git notes add -m "a note"
git push -q origin --all; git push -q origin v1 'refs/notes/*'"#;

#[test]
fn a_git_repository_comes_back_with_branches_tags_and_notes_and_every_fault_of_its_dump_fails_the_run() {
    case("git", |case| async move {
        let ready =
            "curl -sf -u app:secret 'http://127.0.0.1/git/shop.git/info/refs?service=git-upload-pack' -o /dev/null";
        serve(&case, "git", 80, SERVER, ready).await;
        let recipe = Net::of(&case, "git.yaml", IMAGE);
        case.secret("git-credentials", json!({"username": "app", "password": "secret"}))
            .await;
        recipe.fails("empty", "Refusing to create empty bundle").await;

        case.exec("git", &["bash", "-ec", FILL]).await;
        let sum = "cd /data/git/shop.git; git fsck --full --strict >&2; git for-each-ref | sha256sum; git rev-list --objects --all | sort | sha256sum";
        let destroy = "rm -rf /data/git/shop.git; git init -q --bare /data/git/shop.git";
        let run = recipe.there_and_back("git", sum, destroy).await;

        let half = status(&run).bytes.unwrap() / 2;
        recipe.fails_when_cut("git", "git", 80, half, "fatal: ").await;
        case.secret("git-credentials", json!({"username": "app", "password": "wrong"}))
            .await;
        recipe.fails("password", "Authentication failed").await;
    });
}
