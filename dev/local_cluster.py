"""The cluster that the benches measure: kubectl for it, the demo's MinIO with a storage in it, and a template that needs neither image registry nor time."""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.basename(sys.argv[0])


def run(*command, data=None, check=True, timeout=900):
    """What a program prints; where it fails, that is the end of this one, in its words."""
    done = subprocess.run(command, input=data, capture_output=True, text=True, timeout=timeout)
    if check and done.returncode != 0:
        sys.exit(f"{PROGRAM}: {' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def only_local(why):
    """Ends where somebody else's cluster is to be used."""
    if os.environ.get("KUBECONFIG_TEST"):
        sys.exit(f"{PROGRAM}: {why}: the local cluster's only. Unset KUBECONFIG_TEST")


def kubeconfig():
    """The file of the cluster that is used from here on."""
    file = os.environ.get("KUBECONFIG_TEST") or run(f"{HERE}/cluster", "kubeconfig").strip()
    os.environ["KUBECONFIG"] = file
    return file


def kubectl(*command, **more):
    return run(f"{HERE}/kubectl", *command, **more)


def apply(*objects):
    kubectl("apply", "-f", "-", data="\n---\n".join(json.dumps(o) for o in objects))


def storage(name, **spec):
    """A storage in the demo's MinIO."""
    return {"apiVersion": "backup-operator.io/v1", "kind": "BackupStorage", "metadata": {"name": name}, "spec": {
        "parameters": {"bucket": "backups", "endpoint": "http://minio.minio.svc:9000", "insecure": "true", "s3ForcePathStyle": "true"},
        "credentials": {"name": "minio-credentials", "namespace": "minio"}, **spec}}


def prepare(namespace, *storages):
    """An empty namespace, MinIO with a bucket, and storages there that are ready."""
    kubectl("delete", "namespace", namespace, "--ignore-not-found", "--timeout=180s")
    kubectl("create", "namespace", namespace)
    kubectl("apply", "-f", f"{HERE}/demo-manifests/minio.yaml")
    kubectl("-n", "minio", "rollout", "status", "deployment/minio", "--timeout=120s")
    kubectl("-n", "minio", "exec", "deployment/minio", "--", "minio", "make-bucket", "backups")
    apply(*storages)
    names = [f"bt/{one['metadata']['name']}" for one in storages]
    kubectl("wait", "--for=condition=Ready", *names, "--timeout=60s")


def forget(namespace, *storages):
    """What was made is gone after that; also where less was made."""
    kubectl("-n", namespace, "delete", "br", "--all", "--timeout=300s", check=False)
    kubectl("delete", "namespace", namespace, "--ignore-not-found", "--timeout=180s", check=False)
    for one in storages:
        name = one["metadata"]["name"]
        kubectl("annotate", "bt", name, "backup-operator.io/deletion-protection-", check=False)
        kubectl("delete", "bt", name, "--ignore-not-found", "--timeout=60s", check=False)


def pod_spec(image="localhost/e2e/static:dev", command=("/stream", "wait"), **container):
    """A Pod that waits."""
    return {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [{
        "name": "main", "image": image, "imagePullPolicy": "IfNotPresent", "command": command, **container}]}
