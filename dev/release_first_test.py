"""The rules of release_first.py."""

import contextlib
import hashlib
import io
import json
import os
import tempfile
import unittest

import release_first

COMMIT = "c0ffee"


class First(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dist = folder.name
        given = {"version": "1.2.3", "image": "registry.example/o", "downloads": "https://downloads.example/v1.2.3", "platforms": "linux-amd64 linux-arm64", "cli": ""}
        build = {"externalParameters": given, "resolvedDependencies": [{"digest": {"gitCommit": COMMIT}}, {"digest": {"sha256": "00"}}, {"uri": "pkg:generic/rust@1"}]}
        self.write("provenance.json", json.dumps({"predicate": {"buildDefinition": build, "runDetails": {"builder": {"id": "tag:b"}}}}))
        self.write("backup.yaml", "")
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

    def test_a_release_is_held_against_nothing_on_a_machine_with_other_compilers(self):
        linked = "linux-arm64 libc libc6-dev-arm64-cross 2.36-8cross1 all cross-toolchain-base\nlinux-amd64 compiler gcc-12 1:12.2.0-14+deb12u1 amd64 gcc-12"
        uris = ["pkg:generic/rust@1", "pkg:deb/debian/libc6-dev-arm64-cross@2.36-8cross1?arch=all&upstream=cross-toolchain-base", "pkg:deb/debian/gcc-12@1%3A12.2.0-14%2Bdeb12u1?arch=amd64&upstream=gcc-12"]
        build = {"resolvedDependencies": [{"digest": {"gitCommit": COMMIT}}, *({"uri": uri} for uri in uris)]}
        self.write("provenance.json", json.dumps({"predicate": {"buildDefinition": build}}))
        self.assertEqual(release_first.built_by(self.dist, "1", linked), {})
        for rust, lines, named in (("2", linked, "rust@1"), ("1", linked.replace("12.2.0-14", "12.2.0-15"), "here is         pkg:deb/debian/gcc-12@1%3A12.2.0-15")):
            with self.assertRaises(release_first.Unfit) as caught:
                release_first.built_by(self.dist, rust, lines)
            self.assertIn(named, str(caught.exception))

    def test_what_a_release_says_of_itself_begins_nothing_in_the_shell_that_reads_it(self):
        with open(os.path.join(self.dist, "provenance.json")) as file:
            statement = json.load(file)
        for value in ("registry.example/o\nBASH_ENV=/x", "o\rx", ["o"], None):
            statement["predicate"]["buildDefinition"]["externalParameters"]["image"] = value
            text = json.dumps(statement)
            self.write("provenance.json", text)
            self.write("SHA256SUMS", f"{hashlib.sha256(text.encode()).hexdigest()}  provenance.json\n{hashlib.sha256(b'').hexdigest()}  backup.yaml\n")
            self.assertIn("which no release is made with", self.refused())

    def test_what_cannot_be_read_is_no_release_and_said_in_words(self):
        for name, text in (("SHA256SUMS", "odd\n"), ("provenance.json", "{"), ("provenance.json", '{"predicate":{}}')):
            self.setUp()
            self.write(name, text)
            if name != "SHA256SUMS":
                self.write("SHA256SUMS", f"{hashlib.sha256(text.encode()).hexdigest()}  provenance.json\n{hashlib.sha256(b'').hexdigest()}  backup.yaml\n")
            said = io.StringIO()
            with contextlib.redirect_stderr(said):
                self.assertEqual(release_first.main(self.dist, "1.2.3", COMMIT), 1)
            self.assertIn("is no release that one can be compared with", said.getvalue())

    def test_a_folder_that_holds_more_than_a_release_is_refused_before_anything_is_built(self):
        self.write("cosign.pub", "")
        self.assertIn("cosign.pub", self.refused())

    def test_a_release_says_what_it_was_made_with(self):
        made_with = {"IMAGE": "registry.example/o", "DOWNLOADS": "https://downloads.example/v1.2.3", "PLATFORMS": "linux-amd64 linux-arm64", "CLI": "", "BUILDER": "tag:b"}
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
