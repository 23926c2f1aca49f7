"""Pages of `kubectl backup ui`, as a browser that is let in sees them."""
import os
import subprocess
import sys
import time

LARGEST_PAGE = 80_000
LIMIT = 60
WIDE, NARROW = 1100, 360


class Ui:
    """The program that serves them; it ends with this one, however that ends."""

    def __init__(self, folder):
        self.log = f"{folder}/ui.log"

    def __enter__(self):
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", os.environ["CLI_BIN"], "ui"],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + LIMIT
        while not (lines := [line for line in open(self.log) if line.startswith("http://")]):
            if self.process.poll() is not None or time.monotonic() > end:
                sys.exit(f"docs-pictures: kubectl backup ui: {open(self.log).read()}")
            time.sleep(0.1)
        self.home, self.token = lines[0].strip().split("/?token=")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def pages(self, namespace, schedule, newest):
        """Name, address, width and height of each picture."""
        run = newest(namespace, schedule)
        for name, path, width, height in [
                ("fleet", "/", WIDE, 960),
                ("schedule", f"/schedules/{namespace}/{schedule}", WIDE, 900),
                ("run", f"/runs/{namespace}/{run}", WIDE, 1000),
                ("narrow", "/", NARROW, 1300)]:
            yield name, f"{self.home}{path}?token={self.token}", width, height
