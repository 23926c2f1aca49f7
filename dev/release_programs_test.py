"""The rules of release_programs.py."""

import contextlib
import hashlib
import io
import json
import os
import tarfile
import tempfile
import unittest

import release_programs


def archive(files, mode):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as made:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            made.addfile(member, io.BytesIO(data))
    return out.getvalue()


def release(folder, layer, cli):
    """The least of a release that programs can be taken out of."""
    blobs = {}

    def blob(data):
        digest = hashlib.sha256(data).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = data
        return {"digest": f"sha256:{digest}", "size": len(data)}

    manifest = blob(json.dumps({"layers": [blob(archive(layer, "w:gz"))]}).encode())
    index = blob(json.dumps({"manifests": [{**manifest, "platform": {"os": "linux", "architecture": "arm64"}}]}).encode())
    files = {
        "backup-operator-1.2.3.oci.tar": archive({"oci-layout": b"{}", "index.json": json.dumps({"manifests": [index]}).encode(), **blobs}, "w"),
        "kubectl-backup-1.2.3-windows-amd64.tar.gz": archive(cli, "w:gz"),
        "provenance.json": json.dumps({"predicate": {"buildDefinition": {"externalParameters": {"cli": "windows-amd64"}}}}).encode(),
    }
    for name, data in files.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data)


class Programs(unittest.TestCase):
    def taken(self, layer, cli):
        with tempfile.TemporaryDirectory() as dist, tempfile.TemporaryDirectory() as out:
            release(dist, layer, cli)
            with contextlib.redirect_stderr(io.StringIO()) as said:
                status = release_programs.main(dist, "1.2.3", out)
            found = {}
            for folder, _, names in os.walk(out):
                for name in names:
                    with open(os.path.join(folder, name), "rb") as file:
                        found[os.path.relpath(os.path.join(folder, name), out)] = file.read()
        return status, found, said.getvalue()

    def test_programs_of_image_and_archives_are_taken_and_licences_are_not(self):
        status, found, _ = self.taken({"operator": b"o", "agent": b"a", "licenses/LICENSE": b"l"}, {"kubectl-backup.exe": b"k", "LICENSE": b"l"})
        self.assertEqual((status, found), (0, {"linux-arm64/operator": b"o", "linux-arm64/agent": b"a", "windows-amd64/kubectl-backup.exe": b"k"}))

    def test_what_has_no_program_or_a_name_that_is_none_is_said_in_words(self):
        for layer, cli in (({"operator": b"o"}, {"LICENSE": b"l"}), ({"..": b"o"}, {"kubectl-backup.exe": b"k"})):
            status, found, said = self.taken(layer, cli)
            self.assertEqual((status, found), (1, {}))
            self.assertIn("release-source: ", said)


if __name__ == "__main__":
    unittest.main()
