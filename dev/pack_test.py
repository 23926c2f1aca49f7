"""The rules of pack.py: python3 -m unittest discover --start-directory dev --pattern '*_test.py'"""

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import unittest

PACK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pack.py")
EPOCH = 1767225845


class Pack(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, path, data=b"", mode=0o600):
        path = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        os.chmod(path, mode)
        return path

    def pack(self, *words, epoch=EPOCH):
        env = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
        return subprocess.run([sys.executable, PACK, *words], env=env, capture_output=True, text=True)

    def made(self, *words):
        done = self.pack(*words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def read(self, path):
        with open(path, "rb") as file:
            return file.read()

    def layout(self, path):
        """{member: bytes} of a layout, the descriptor of its tag, and a function that follows a descriptor."""
        with tarfile.open(path) as archive:
            files = {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}

        def follow(descriptor):
            blob = files["blobs/" + descriptor["digest"].replace(":", "/")]
            self.assertEqual(descriptor["digest"], "sha256:" + hashlib.sha256(blob).hexdigest())
            self.assertEqual(descriptor["size"], len(blob))
            return blob

        (tagged,) = json.loads(files["index.json"])["manifests"]
        return files, tagged, follow

    def image(self, out, folder, *words):
        platforms = []
        for name in ("linux/amd64", "linux/arm64"):
            at = f"{folder}/{name.replace('/', '-')}"
            self.write(f"{at}/operator", b"operator of " + name.encode(), 0o700)
            platforms += ["--platform", f"{name}={os.path.join(self.folder, at)}"]
        return self.made(
            "image", "--out", out, "--tag", "1.2.3", *platforms, "--file", "@/operator:/operator:755", "--user", "65532:65532",
            "--entrypoint", "/operator", "--label", "org.opencontainers.image.version=1.2.3", *words,
        )  # fmt: skip

    def test_the_same_input_gives_the_same_bytes_in_every_folder_order_and_time(self):
        archives = []
        for folder, names in (("one", ("b", "a", "d/c")), ("another/longer", ("d/c", "a", "b"))):
            for name in names:
                path = self.write(f"{folder}/{name}", name.encode(), 0o600 if folder == "one" else 0o644)
                os.utime(path, (len(folder), len(folder)))
            out = os.path.join(self.folder, folder, "..", folder.replace("/", "-") + ".tar.gz")
            self.made("archive", "--out", out, "--file", f"{os.path.join(self.folder, folder)}:top")
            archives.append(self.read(out))
        self.assertEqual(archives[0], archives[1])
        images = [os.path.join(self.folder, name) for name in ("one.tar", "two.tar")]
        self.assertEqual(self.image(images[0], "here"), self.image(images[1], "there/further"))
        self.assertEqual(self.read(images[0]), self.read(images[1]))

    def test_members_are_sorted_nobodys_of_one_time_and_have_the_mode_that_is_asked_for(self):
        program, text = self.write("z", b"program"), self.write("y", b"text", 0o777)
        out = os.path.join(self.folder, "out.tar.gz")
        self.made("archive", "--out", out, "--file", f"{program}:z:755", "--file", f"{text}:y")
        packed = self.read(out)
        self.assertEqual(packed[4:8], bytes(4), "gzip's header has a time")
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(packed))) as archive:
            members = archive.getmembers()
        self.assertEqual([(m.name, m.mode) for m in members], [("y", 0o644), ("z", 0o755)])
        for member in members:
            self.assertEqual((member.mtime, member.uid, member.gid, member.uname, member.gname), (EPOCH, 0, 0, "", ""))

    def test_another_time_or_byte_gives_another_digest(self):
        out, text = os.path.join(self.folder, "out.tar.gz"), self.write("text", b"one")
        seen = set()
        for epoch, data in ((EPOCH, b"one"), (EPOCH + 1, b"one"), (EPOCH, b"two")):
            self.write("text", data)
            self.assertEqual(self.pack("archive", "--out", out, "--file", f"{text}:text", epoch=epoch).returncode, 0)
            seen.add(self.read(out))
        self.assertEqual(len(seen), 3)

    def test_an_image_is_an_index_of_its_platforms_each_with_its_own_program(self):
        out = os.path.join(self.folder, "image.tar")
        printed = self.image(out, "image")
        files, tagged, follow = self.layout(out)
        self.assertEqual(json.loads(files["oci-layout"]), {"imageLayoutVersion": "1.0.0"})
        printed, *platforms = printed.splitlines()
        self.assertEqual(tagged["digest"], printed)
        self.assertEqual(tagged["annotations"], {"org.opencontainers.image.ref.name": "1.2.3"})
        manifests = json.loads(follow(tagged))["manifests"]
        self.assertEqual([m["platform"]["architecture"] for m in manifests], ["amd64", "arm64"])
        self.assertEqual(platforms, [f"image-linux-{m['platform']['architecture']}={m['digest']}" for m in manifests])
        for descriptor in manifests:
            manifest = json.loads(follow(descriptor))
            config = json.loads(follow(manifest["config"]))
            (layer,) = manifest["layers"]
            unpacked = gzip.decompress(follow(layer))
            self.assertEqual(config["architecture"], descriptor["platform"]["architecture"])
            self.assertEqual(config["rootfs"]["diff_ids"], ["sha256:" + hashlib.sha256(unpacked).hexdigest()])
            self.assertEqual(config["created"], "2026-01-01T00:04:05Z")
            self.assertEqual(config["config"]["User"], "65532:65532")
            self.assertEqual(config["config"]["Entrypoint"], ["/operator"])
            with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
                member = archive.getmember("operator")
                self.assertEqual(member.mode, 0o755)
                self.assertEqual(archive.extractfile(member).read().decode(), "operator of linux/" + config["architecture"])

    def test_an_image_over_its_limit_is_refused_with_both_numbers_and_the_platform(self):
        out = os.path.join(self.folder, "image.tar")
        program = self.write("linux/operator", os.urandom(5000))
        words = ["image", "--out", out, "--tag", "1", "--platform", f"linux/amd64={os.path.dirname(program)}"]
        words += ["--file", "@/operator:/operator:755", "--limit"]
        refused = self.pack(*words, "5000")
        self.assertEqual(refused.returncode, 1)
        self.assertRegex(refused.stderr, r"the image has 5\d\d\d compressed bytes for linux/amd64, and may have 5000 at most")
        self.assertFalse(os.path.exists(out))
        self.made(*words, "6000")

    def test_a_chart_is_stored_as_helm_pushes_it(self):
        chart, config = self.write("chart.tgz", b"packed"), self.write("chart.json", b'{"name": "backup-operator"}')
        out = os.path.join(self.folder, "chart.tar")
        printed = self.made("chart", "--out", out, "--tag", "1.2.3", "--chart", chart, "--config", config)
        _, tagged, follow = self.layout(out)
        self.assertEqual(tagged["digest"], printed)
        manifest = json.loads(follow(tagged))
        self.assertEqual(manifest["config"]["mediaType"], "application/vnd.cncf.helm.config.v1+json")
        self.assertEqual(manifest["layers"][0]["mediaType"], "application/vnd.cncf.helm.chart.content.v1.tar+gzip")
        self.assertEqual(follow(manifest["layers"][0]), b"packed")
        self.assertEqual(json.loads(follow(manifest["config"])), {"name": "backup-operator"})

    def test_without_a_time_nothing_is_packed(self):
        done = self.pack("archive", "--out", os.path.join(self.folder, "out"), epoch="")
        self.assertEqual(done.returncode, 1)
        self.assertIn("set SOURCE_DATE_EPOCH", done.stderr)


if __name__ == "__main__":
    unittest.main()
