"""The rules of release_crates.py."""

import hashlib
import os
import tempfile
import unittest

import release_crates


class Crates(unittest.TestCase):
    def test_a_crate_that_was_changed_on_this_machine_is_named_and_others_are_nobodys(self):
        with tempfile.TemporaryDirectory() as folder:
            for path, data in (("index-1/a-1.0.0.crate", b"a"), ("index-1/b-2.0.0.crate", b"changed"), ("index-1/c-3.0.0.crate", b"another project's")):
                path = os.path.join(folder, "cache", path)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as file:
                    file.write(data)
            for lock, name, version in (("Cargo.lock", "a", "1.0.0"), ("crates/sftp/Cargo.lock", "b", "2.0.0"), ("crates/sftp/Cargo.lock", "d", "4.0.0")):
                path = os.path.join(folder, "source", lock)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "a") as file:
                    file.write(f'[[package]]\nname = "{name}"\nversion = "{version}"\nchecksum = "{hashlib.sha256(name.encode()).hexdigest()}"\n[[package]]\nname = "own-{name}"\nversion = "0.1.0"\n')
            found = release_crates.changed(os.path.join(folder, "cache"), os.path.join(folder, "source"))
            self.assertEqual(found, [os.path.join(folder, "cache/index-1/b-2.0.0.crate")])


if __name__ == "__main__":
    unittest.main()
