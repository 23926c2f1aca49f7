//! docs/recipes/openldap.md.
use e2e::case;
use e2e::runs::status;
use serde_json::json;

use crate::net::{IMAGE, Net, serve};

const SERVER: &str = r#"
mkdir -p /data/db
cat >/data/slapd.conf <<END
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
suffix dc=example,dc=org
rootdn cn=admin,dc=example,dc=org
rootpw secret
maxsize 268435456
directory /data/db
END
exec slapd -f /data/slapd.conf -h ldap://0.0.0.0:389 -d 0"#;

/// As an administrator, in the server's Pod.
fn as_admin(command: &str) -> String {
    let (program, rest) = command.split_once(' ').unwrap_or((command, ""));
    format!("{program} -x -H ldap://127.0.0.1 -D cn=admin,dc=example,dc=org -w secret {rest}")
}

#[test]
fn openldap_comes_back_with_its_ids_and_times_and_every_fault_of_its_dump_fails_the_run() {
    case("openldap", |case| async move {
        serve(&case, "openldap", 389, SERVER, &as_admin("ldapwhoami")).await;
        let recipe = Net::of(&case, "openldap.yaml", IMAGE);
        case.secret("openldap-credentials", json!({"password": "secret"})).await;
        // Nothing below the suffix: not an empty dump, but an error.
        recipe.fails("empty", "No such object (32)").await;

        let fill = r"(printf 'dn: dc=example,dc=org\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n';
            for i in $(seq 2000); do printf 'dn: uid=u%d,dc=example,dc=org\nobjectClass: inetOrgPerson\nuid: u%d\ncn: Zoë %d\nsn: S%d\nmail: user%d@example.org\nuserPassword: secret %d\n\n' $i $i $i $i $i $i; done) |";
        let add = format!("{fill} {} >/dev/null", as_admin("ldapadd"));
        case.exec("openldap", &["bash", "-ec", &add]).await;
        let all = as_admin(
            "ldapsearch -LLL -o ldif-wrap=no -b dc=example,dc=org '*' entryUUID creatorsName createTimestamp modifyTimestamp",
        );
        // Gone, it has the status 32.
        let sum = format!("({all} || true) | sha256sum");
        let run = recipe
            .there_and_back("openldap", &sum, &as_admin("ldapdelete -r dc=example,dc=org"))
            .await;

        // The last comment counts the entries that came, also where the server died: only the exit status tells.
        let half = status(&run).bytes.unwrap() / 2;
        recipe
            .fails_when_cut("openldap", "openldap", 389, half, "Can't contact LDAP server")
            .await;
        case.secret("openldap-credentials", json!({"password": "wrong"})).await;
        recipe.fails("password", "Invalid credentials (49)").await;
    });
}
