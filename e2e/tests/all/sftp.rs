//! A folder of a server of SFTP, OpenSSH's in a Pod: backups go through the operator, and the next operator goes on with them.
use e2e::runs::{status, stream};
use e2e::{Case, bytes, case, example};
use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use serde_json::json;

/// Three parts and the last.
const SIZE: usize = 16 << 20;

/// Keys that nobody else has are made in the Pod, before its server starts.
const START: &str = "set -e
mkdir -p /run/sshd /home/backups /keys
echo 'root:x:0:0::/root:/bin/sh' >/etc/passwd
echo 'sshd:x:101:65534::/run/sshd:/usr/sbin/nologin' >>/etc/passwd
echo 'backups:x:1000:1000::/home/backups:/bin/sh' >>/etc/passwd
echo 'backups:*:19000:0:99999:7:::' >/etc/shadow
echo 'backups:x:1000:' >/etc/group
chown 1000:1000 /home/backups
ssh-keygen -q -t ed25519 -N '' -f /keys/host
ssh-keygen -q -t ed25519 -N '' -f /keys/user
chmod 644 /keys/user.pub
exec /usr/sbin/sshd -D -e -f /dev/null -o HostKey=/keys/host -o AuthorizedKeysFile=/keys/user.pub -o StrictModes=no \\
  -o PasswordAuthentication=no -o PidFile=none -o 'Subsystem=sftp internal-sftp'";

/// The server, and a storage of a folder of its user's.
async fn storage(case: &Case) -> String {
    let container = json!({
        "name": "sshd", "image": "localhost/e2e/sshd:dev", "command": ["sh", "-c", START],
        "readinessProbe": {"tcpSocket": {"port": 22}, "periodSeconds": 1},
    });
    let labels = json!({"app": "sshd"});
    let pod = json!({"containers": [container], "terminationGracePeriodSeconds": 0});
    case.apply::<Pod>(json!({"metadata": {"name": "sshd", "labels": labels}, "spec": pod}))
        .await;
    let ports = json!([{"name": "ssh", "port": 22}]);
    let service = json!({"selector": labels, "ports": ports});
    case.apply::<Service>(json!({"metadata": {"name": "sshd"}, "spec": service}))
        .await;
    case.wait("the server of SFTP is ready", 90, || async {
        let pod = case.api::<Pod>().get("sshd").await.ok()?;
        let conditions = pod.status?.conditions?;
        conditions
            .iter()
            .any(|c| c.type_ == "Ready" && c.status == "True")
            .then_some(())
    })
    .await;
    let host = case.exec("sshd", &["cat", "/keys/host.pub"]).await;
    let user = case.exec("sshd", &["cat", "/keys/user"]).await;
    let key = json!({"SFTP_PRIVATE_KEY": format!("{user}\n")});
    case.apply::<Secret>(json!({"metadata": {"name": "sftp"}, "stringData": key}))
        .await;
    let parameters = json!({"host": format!("sshd.{}.svc", case.namespace()), "hostKey": host});
    let credentials = json!({"name": "sftp", "namespace": case.namespace()});
    let own = json!({"parameters": parameters, "credentials": credentials});
    let storage = case.storage("sftp", example::storage("storage-sftp.yaml", &own)).await;
    case.storage_ready(&storage).await;
    storage
}

/// Files of backups below the folder, without the server's own.
async fn files(case: &Case) -> Vec<String> {
    let found = case
        .exec(
            "sshd",
            &[
                "find",
                "/home/backups/kubernetes",
                "-type",
                "f",
                "-not",
                "-path",
                "*/.*",
            ],
        )
        .await;
    found.lines().map(ToOwned::to_owned).collect()
}

#[test]
fn backups_lie_as_plain_files_on_a_server_of_sftp_come_back_and_go() {
    case("sftp", |case| async move {
        let storage = storage(&case).await;
        for (name, size) in [("parts", SIZE), ("whole", 1000)] {
            let mut spec = stream(&format!("/db/{name}"), &format!("random {size}"));
            (spec["storage"]["name"], spec["retainPolicy"]) = (json!(storage), json!("Delete"));
            case.start(name, spec).await;
            let ended = case.succeeded(name, 150).await;
            let plain = bytes::random(size, 1);
            assert_eq!(status(&ended).sha256, Some(bytes::sha256(&plain)), "{name}");
            // Whoever has the folder needs nothing of ours.
            let place = files(&case)
                .await
                .into_iter()
                .find(|file| file.ends_with(&format!("db/{name}")));
            let place = place.expect("a plain file");
            let sum = case.exec("sshd", &["sha256sum", &place]).await;
            assert!(sum.starts_with(&bytes::sha256(&plain)), "{sum}");
            let restored = case.restore(name).await;
            assert_eq!(status(&restored).log.unwrap().trim(), bytes::sum_line(&plain), "{name}");
        }
        for name in ["parts", "whole"] {
            e2e::cluster::delete(&case.runs(), name).await;
        }
        case.wait("nothing is left of what was deleted", 60, || async {
            files(&case).await.is_empty().then_some(())
        })
        .await;
    });
}
