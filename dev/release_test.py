"""The rules of release, release-put and release-sign: what they refuse, and what they never remove."""

import hashlib
import os
import subprocess
import tempfile
import unittest

DEV = os.path.dirname(os.path.abspath(__file__))


def write(folder, **files):
    os.makedirs(folder, exist_ok=True)
    for name, text in files.items():
        with open(os.path.join(folder, name.replace("_", ".")), "w") as file:
            file.write(text)
    return folder


def made(folder, **files):
    """The least that is a release."""
    files = {"provenance_json": "{}", "image_json": "{}", **files}
    sums = "".join(f"{hashlib.sha256(text.encode()).hexdigest()}  {name.replace('_', '.')}\n" for name, text in files.items())
    return write(folder, SHA256SUMS=sums, **files)


def ran(script, *args, **env):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("COSIGN_")}
    return subprocess.run([os.path.join(DEV, script), *args], env={**clean, **env}, capture_output=True, text=True, stdin=subprocess.DEVNULL)


class Release(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def at(self, name):
        return os.path.join(self.folder, name)

    def test_a_folder_that_holds_something_else_is_refused_and_stays(self):
        other = made(self.at("other"))
        write(other, notes="mine")
        sums = write(self.at("sums"), SHA256SUMS="0" * 64 + "  disk.iso\n", disk_iso="")
        for dist, words in (
            (write(self.at("photos"), photo="mine"), "no earlier release"),
            (sums, "no earlier release"),
            (other, "holds notes"),
            (write(made(self.at("one")), **{"image.json provenance_json": ""}), "holds image.json provenance.json"),
            (self.at("missing/dist"), "no folder " + self.at("missing")),
            (os.path.join(write(self.at("files"), file=""), "file"), "it is no folder"),
        ):
            for done in (ran("release-put", "--may", dist), ran("release", "1.2.3", DIST=dist)):
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(words, done.stderr)
        self.assertEqual(sorted(os.listdir(self.at("photos")) + os.listdir(other)), ["SHA256SUMS", "image.json", "notes", "photo", "provenance.json"])

    def test_a_release_takes_the_place_of_nothing_of_an_empty_folder_and_of_an_earlier_release(self):
        earlier = made(self.at("earlier"), install_yaml="1")
        write(earlier, SHA256SUMS_sigstore_json="", image_json_sigstore_json="")
        for dist in (self.at("absent"), write(self.at("empty")), earlier):
            self.assertEqual(ran("release-put", "--may", dist).returncode, 0)
            done = ran("release-put", made(self.at("made")), dist)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(sorted(os.listdir(dist)), ["SHA256SUMS", "image.json", "provenance.json"])
        self.assertEqual(sorted(os.listdir(self.folder)), ["absent", "earlier", "empty"])

    def test_a_release_that_cannot_be_put_stays_and_is_named(self):
        new = made(self.at("made"))
        done = ran("release-put", new, self.at("missing/dist"))
        self.assertIn(f"in {new}: move it yourself", done.stderr)
        self.assertIn("provenance.json", os.listdir(new))
        # What came there during the build stays, too.
        photos = write(self.at("photos"), photo="mine")
        done = ran("release-put", new, photos)
        self.assertNotEqual(done.returncode, 0)
        at = done.stderr.split("but in ")[1].split(":")[0]
        self.assertIn("provenance.json", os.listdir(at))
        self.assertEqual(os.listdir(photos), ["photo"])

    def test_no_build_begins_with_a_key_in_its_environment(self):
        for env in ({"COSIGN_KEY": "cosign.key"}, {"COSIGN_PASSWORD": ""}):
            for script in ("release", "reproducible"):
                done = ran(script, "1.2.3", DIST=self.at("dist"), **env)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("sign afterwards: COSIGN_KEY=... make release-sign", done.stderr)

    def test_only_what_is_whole_is_signed_and_only_with_a_key(self):
        dist = made(self.at("dist"))
        self.assertIn("COSIGN_KEY is not set", ran("release-sign", dist).stderr)
        self.assertIn("COSIGN_PASSWORD is not set", ran("release-sign", dist, COSIGN_KEY="k").stderr)
        self.assertIn("no release", ran("release-sign", write(self.at("empty")), COSIGN_KEY="k").stderr)
        write(dist, image_json="{1}")
        self.assertIn("nothing was signed", ran("release-sign", dist, COSIGN_KEY="k", COSIGN_PASSWORD="").stderr)

    def test_what_no_sum_names_is_not_signed_with_the_rest(self):
        def signed(dist):
            return ran("release-sign", dist, COSIGN_KEY="k", COSIGN_PASSWORD="").stderr

        added = write(made(self.at("added")), evil_sh="")
        self.assertIn("it holds evil.sh", signed(added))
        fewer = made(self.at("fewer"))
        with open(os.path.join(fewer, "SHA256SUMS")) as file:
            lines = [line for line in file if "image.json" not in line]
        write(fewer, SHA256SUMS="".join(lines))
        self.assertIn("it holds image.json", signed(fewer))
        write(fewer, SHA256SUMS="".join([*lines, "garbage\n"]))
        self.assertIn("nothing was signed", signed(fewer))
        self.assertEqual([name for name in os.listdir(fewer) if name.endswith(".sigstore.json")], [])

    def test_what_cannot_be_released_is_said_before_anything_takes_long(self):
        for version, env, words in (
            ("v1.2.3", {}, "v1.2.3 is no version"),
            (" 1.2.3", {}, "is no version"),
            ("1.2.3", {"DOWNLOADS": "https://downloads.example/v1.2.3/"}, "DOWNLOADS is https://downloads.example/v1.2.3/: it has to be a URL"),
            ("1.2.3", {"DOWNLOADS": "downloads.example/v1.2.3"}, "without a slash at its end"),
            ("1.2.3", {"BUILDER": "our builder"}, "BUILDER is our builder: it has to be a URI"),
            ("1.2.3", {"PLATFORMS": "linux-riscv64"}, "nothing is released for linux-riscv64"),
            ("1.2.3", {"CLI": "darwin-arm64"}, "nothing is released for darwin-arm64"),
        ):
            done = ran("release", version, DIST=self.at("dist"), **env)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(words, done.stderr)
        done = ran("lint", "dependencies", ADVISORY_DB=self.folder)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("no RustSec advisory database", done.stderr)


if __name__ == "__main__":
    unittest.main()
