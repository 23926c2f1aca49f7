"""The fleet of the pictures: small, and with something of everything that somebody who answers for backups has to see."""
import json
import os
import sys
import time

import local_cluster
from local_cluster import kubectl, pod_spec, storage

PREFIX = os.environ.get("PREFIX", "")
SHOP, ACCOUNTS, WIKI = NAMESPACES = [f"{PREFIX}{name}" for name in ("shop", "accounts", "wiki")]
PRIMARY, RELAYED, OFFSITE = STORAGES = [f"{PREFIX}{name}" for name in ("primary", "relayed", "offsite")]
# Of the fleet's life, in seconds. The schedule that never had a backup is missed after six minutes, and what fails is not yet.
RESTORED, BROKEN, ENOUGH = (140, 320), 240, 540
LIMIT = 120
# What the dashboard of one schedule shows.
SHOWN = {"namespace": SHOP, "schedule": "orders"}
# It is under way for more than half of each minute.
SLOW = "images"


def schedule(namespace, name, command, tick="* * * * *", store=PRIMARY, template=None, compression="zstd", **settings):
    spec = {
        "retainPolicy": "Delete",
        "storage": {"name": store, "path": f'/pictures/{namespace}/{name}-{{{{ now | date "150405.000000" }}}}'},
        "backup": {"command": ["/stream", *command.split()], "deadlineSeconds": 300},
        "restore": {"command": ["/stream", "drain"], "deadlineSeconds": 300},
        "template": {"spec": pod_spec()},
        **({"compression": {"algorithm": compression}} if compression else {}),
    }
    return {"apiVersion": "backup-operator.io/v1", "kind": "BackupSchedule", "metadata": {"namespace": namespace, "name": name}, "spec": {
        "schedule": tick, "successfulRunsHistoryLimit": 5, "whenDeleted": "Delete", "template": {"spec": spec}, **settings}}


def orders(minute):
    """It grows, and now and then something is removed."""
    return f"slow text {24 + minute * 3 - 8 * (minute // 4)}M 6"


GOOD = [
    schedule(SHOP, "orders", orders(0)),
    schedule(SHOP, SLOW, "slow random 18M 35", compression=None),
    schedule(SHOP, "carts", "text 3M", tick="*/2 * * * *", jitterSeconds=20),
    schedule(ACCOUNTS, "ledger", "slow text 16M 10", store=RELAYED),
    schedule(ACCOUNTS, "reports", "text 9M"),
    schedule(WIKI, "pages", "text 5M", tick="*/3 * * * *", compression="gzip"),
]
OTHERS = [
    schedule(WIKI, "attachments", "random 4M", store=OFFSITE),
    schedule(WIKI, "archive", "text 2M", tick="@daily", suspend=True),
]


def trigger(one):
    meta = one["metadata"]
    kubectl("-n", meta["namespace"], "annotate", "--overwrite", "bs", meta["name"], "backup-operator.io/trigger=now")


def command(namespace, name, words):
    patch = {"spec": {"template": {"spec": {"backup": {"command": ["/stream", *words.split()]}}}}}
    kubectl("-n", namespace, "patch", "bs", name, "--type=merge", "-p", json.dumps(patch))


def newest(namespace, name):
    """The last run of a schedule that is good."""
    runs = json.loads(kubectl("-n", namespace, "get", "br", "-l", f"backup-operator.io/schedule={name}", "-o", "json"))["items"]
    good = [r for r in runs if any(c["type"] == "Successful" and c["status"] == "True" for c in r.get("status", {}).get("conditions", []))]
    return max(good, key=lambda r: r["metadata"]["creationTimestamp"])["metadata"]["name"] if good else None


def restore():
    end = time.monotonic() + LIMIT
    while not (run := newest(SHOP, "orders")):
        if time.monotonic() > end:
            sys.exit(f"docs-pictures: {SHOP}/orders has no good backup")
        time.sleep(1)
    kubectl("-n", SHOP, "annotate", "br", run, "backup-operator.io/restore=now")
    kubectl("-n", SHOP, "wait", "--for=condition=Restored", f"br/{run}", f"--timeout={LIMIT}s")


def make():
    """All of it is there, and every schedule that can has its first backup."""
    for namespace in NAMESPACES[1:]:
        kubectl("delete", "namespace", namespace, "--ignore-not-found", "--timeout=180s")
        kubectl("create", "namespace", namespace)
    local_cluster.prepare(SHOP, storage(PRIMARY), storage(RELAYED, dataPath="Relay"))
    offsite = storage(OFFSITE)
    offsite["spec"]["parameters"]["bucket"] = "nobody-made-it"
    local_cluster.apply(offsite)
    local_cluster.apply(*GOOD, *OTHERS)
    for one in GOOD:
        trigger(one)


def live(say):
    """Some minutes, in which one schedule grows, two of its backups are restored, and another schedule begins to fail."""
    began = time.monotonic()
    happens = [(60 * minute + 30, lambda minute=minute: command(SHOP, "orders", orders(minute))) for minute in range(1, ENOUGH // 60)]
    happens += [(at, restore) for at in RESTORED] + [(BROKEN, lambda: command(ACCOUNTS, "reports", "fail 1 text 1M")), (ENOUGH, lambda: None)]
    for at, act in sorted(happens, key=lambda one: one[0]):
        time.sleep(max(0, began + at - time.monotonic()))
        act()
        say(f"{at} of {ENOUGH} s of the fleet's life")


def forget():
    """Nothing of it is left; also where less was made."""
    for namespace in NAMESPACES:
        # Else it goes on to make runs while they are removed.
        kubectl("-n", namespace, "delete", "bs", "--all", "--timeout=60s", check=False)
    for namespace in NAMESPACES[1:]:
        local_cluster.forget(namespace)
    local_cluster.forget(SHOP, *[storage(name) for name in STORAGES])
