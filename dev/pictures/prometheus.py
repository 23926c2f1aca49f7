"""A Prometheus that reads the local cluster as docs/operations/monitoring.md says, for as long as it is needed."""
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from local_cluster import HERE

CONFIGURATION = f"{HERE}/../docs/operations/prometheus/trial.yaml"
# What is in it, and is another one here.
PROXY, RULES = "8001", "../../../deploy/alerts.yaml"
# Seconds between two looks.
PACE = int(re.search(r"scrape_interval: (\d+)s", open(CONFIGURATION).read())[1])
LIMIT = 60
# No proxy of the machine's.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Prometheus:
    """It and the `kubectl proxy` that it reads the cluster by; both end with this program, however that ends."""

    def __init__(self, folder):
        self.folder, self.processes = folder, []
        self.url = f"http://127.0.0.1:{free_port()}"

    def run(self, *command, out):
        log = open(f"{self.folder}/{out}", "w")
        self.processes.append(subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def __enter__(self):
        proxy, file = free_port(), f"{self.folder}/prometheus.yaml"
        with open(CONFIGURATION) as text, open(file, "w") as ours:
            ours.write(text.read().replace(PROXY, str(proxy)).replace(RULES, os.path.abspath(f"{HERE}/../deploy/alerts.yaml")))
        self.run(f"{HERE}/kubectl", "proxy", f"--port={proxy}", out="proxy.log")
        self.run(os.environ["PROMETHEUS_BIN"], f"--config.file={file}", f"--storage.tsdb.path={self.folder}/data",
                 f"--web.listen-address={self.url.removeprefix('http://')}", "--log.level=warn", out="prometheus.log")
        self.until("max(backup_operator_leader) == 1")
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()

    def until(self, expr, limit=LIMIT):
        """Waits until a query has data."""
        end = time.monotonic() + limit
        while True:
            try:
                if self.now(expr):
                    return
                said = "it has no data"
            except (OSError, ValueError) as error:
                said = error
            if time.monotonic() > end:
                sys.exit(f"docs-pictures: {expr}: after {limit} s {said}\n{self.log()}")
            time.sleep(0.5)

    def log(self):
        """The end of what both said."""
        return "".join("".join(open(f"{self.folder}/{name}").readlines()[-10:]) for name in ("proxy.log", "prometheus.log"))

    def now(self, expr, at=None):
        """What a query gives at one moment: pairs of labels and a number."""
        form = {"query": expr, **({"time": at} if at else {})}
        return [(one["metric"], float(one["value"][1])) for one in self.ask("query", form)]

    def over(self, expr, start, end, step):
        """What a query gives over time: pairs of labels and of points."""
        series = self.ask("query_range", {"query": expr, "start": start, "end": end, "step": step})
        return [(one["metric"], [(at, float(value)) for at, value in one["values"]]) for one in series]

    def ask(self, verb, form):
        data = urllib.parse.urlencode(form).encode()
        try:
            with OPENER.open(f"{self.url}/api/v1/{verb}", data, timeout=20) as answer:
                return json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            if error.code == 503:
                raise  # it begins
            sys.exit(f"docs-pictures: {form['query']}: {error.read().decode()}")
