"""The rules of release_first.py."""

import hashlib
import io
import json
import os
import tarfile
import tempfile
import unittest

import release_first

COMMIT = "c0ffee"


class First(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dist = folder.name
        build = {"externalParameters": {"version": "1.2.3", "image": "registry.example/o"}, "resolvedDependencies": [{"digest": {"gitCommit": COMMIT}}, {"digest": {"sha256": "00"}}]}
        platforms = [{"platform": {"os": "linux", "architecture": one}} for one in ("arm64", "amd64")]
        layout = {"index.json": {"manifests": [{"digest": "sha256:11"}]}, "blobs/sha256/11": {"manifests": platforms}}
        self.write("provenance.json", json.dumps({"predicate": {"buildDefinition": build}}))
        self.write("kubectl-backup-1.2.3-windows-amd64.tar.gz", "")
        self.write("backup.yaml", "  - uri: https://downloads.example/v1.2.3/kubectl-backup-1.2.3-windows-amd64.tar.gz\n")
        with tarfile.open(os.path.join(self.dist, "backup-operator-1.2.3.oci.tar"), "w") as archive:
            for name, value in layout.items():
                data = json.dumps(value).encode()
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        sums = ""
        for name in sorted(os.listdir(self.dist)):
            with open(os.path.join(self.dist, name), "rb") as file:
                sums += f"{hashlib.sha256(file.read()).hexdigest()}  {name}\n"
        self.write("SHA256SUMS", sums)

    def write(self, name, text):
        with open(os.path.join(self.dist, name), "w") as file:
            file.write(text)

    def refused(self, version="1.2.3", commit=COMMIT):
        with self.assertRaises(release_first.Unfit) as caught:
            release_first.made_with(self.dist, version, commit)
        return str(caught.exception)

    def test_a_release_says_what_it_was_made_with(self):
        made_with = {"IMAGE": "registry.example/o", "PLATFORMS": "linux-arm64 linux-amd64", "CLI": "windows-amd64", "DOWNLOADS": "https://downloads.example/v1.2.3"}
        self.assertEqual(release_first.made_with(self.dist, "1.2.3", COMMIT), made_with)

    def test_another_version_another_commit_a_changed_file_and_a_folder_without_a_release_are_refused(self):
        self.assertIn("is release 1.2.3, and VERSION is 1.2.4", self.refused(version="1.2.4"))
        self.assertIn(f"git checkout {COMMIT}", self.refused(commit="beef"))
        self.write("backup.yaml", "changed")
        self.assertIn("backup.yaml in", self.refused())
        os.remove(os.path.join(self.dist, "backup.yaml"))
        self.assertIn("backup.yaml: No such file", self.refused())
        os.remove(os.path.join(self.dist, "SHA256SUMS"))
        self.assertIn("is no release that one can be compared with", self.refused())


if __name__ == "__main__":
    unittest.main()
