"""The rules of same.py."""

import contextlib
import io
import os
import subprocess
import sys
import tempfile
import unittest

import same

PACK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pack.py")


class Same(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def dist(self, name, files):
        folder = os.path.join(self.folder, name)
        os.makedirs(folder, exist_ok=True)
        for file, data in files.items():
            with open(os.path.join(folder, file), "wb") as out:
                out.write(data)
        return folder

    def compared(self, one, other):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            status = same.main(one, other)
        return status, said.getvalue()

    def image(self, dist, program):
        at = self.dist("programs", {"operator": program})
        words = ["image", "--out", os.path.join(dist, "image.oci.tar"), "--tag", "1", "--platform", f"linux/amd64={at}", "--file", "@/operator:/operator:755"]
        subprocess.run([sys.executable, PACK, *words], env={**os.environ, "SOURCE_DATE_EPOCH": "1767225845"}, check=True, capture_output=True)

    def test_the_same_files_are_the_same_and_signatures_are_not_asked(self):
        one = self.dist("one", {"a": b"1", "a.sigstore.json": b"2"})
        status, said = self.compared(one, self.dist("other", {"a": b"1", "a.sigstore.json": b"3"}))
        self.assertEqual(status, 0, said)
        self.assertIn("  a\n", said)

    def test_what_is_missing_or_differs_is_named(self):
        status, said = self.compared(self.dist("one", {"a": b"same one", "b": b""}), self.dist("other", {"a": b"same two"}))
        self.assertEqual(status, 1)
        self.assertIn("DIFFERS  a: differs first at byte 5: b'one' and b'two'", said)
        self.assertIn("DIFFERS  b is only in one", said)

    def test_two_empty_folders_prove_nothing(self):
        self.assertEqual(self.compared(self.dist("one", {}), self.dist("other", {}))[0], 1)

    def test_a_program_in_an_image_is_named_with_the_section_that_differs(self):
        with open(sys.executable, "rb") as file:
            program = file.read()
        at = program.index(dict(same.sections(program))[".text"])
        changed = program[: at + 7] + bytes([program[at + 7] ^ 1]) + program[at + 8 :]
        folders = [self.dist(name, {}) for name in ("one", "other")]
        for folder, of in zip(folders, (program, changed)):
            self.image(folder, of)
        status, said = self.compared(*folders)
        self.assertEqual(status, 1)
        self.assertIn("operator: section .text differs first, at its byte 7", said)


if __name__ == "__main__":
    unittest.main()
