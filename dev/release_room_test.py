"""The rules of release-room and of later.c: what is built in the room does not tell where or when it was."""

import os
import subprocess
import tempfile
import unittest

import same

DEV = os.path.dirname(os.path.abspath(__file__))
# As crates/sftp is: a workspace of its own, with a crate that lies outside of it. And with what tells of folders.
FILES = {
    "beside/Cargo.toml": '[package]\nname = "beside"\nversion = "0.1.0"\nedition = "2024"\n',
    "beside/src/lib.rs": 'pub fn place<T: std::fmt::Debug>(of: T) -> String { format!("{of:?} {}", env!("CARGO_MANIFEST_DIR")) }\n',
    "inner/Cargo.toml": '[workspace]\n[package]\nname = "inner"\nversion = "0.1.0"\nedition = "2024"\n[dependencies]\nbeside = { path = "../beside" }\n',
    "inner/build.rs": 'fn main() { println!("cargo::rustc-env=MADE={}", std::env::var("OUT_DIR").unwrap()); }\n',
    "inner/src/main.rs": 'fn main() { println!("{} {} {}", beside::place(1), env!("MADE"), file!()); }\n',
}
BUILD = "cd inner && cargo build --quiet --release --offline && cp $CARGO_TARGET_DIR/release/inner /mnt/out && date +%F >/mnt/out/day"


class Room(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def built(self, name, **env):
        for path, text in FILES.items():
            path = os.path.join(self.folder, name, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(text)
        at = [os.path.join(self.folder, name + end) for end in ("", ".build", ".out", ".programs")]
        subprocess.run([os.path.join(DEV, "release-room"), *at, "bash", "-c", BUILD], env={**os.environ, **env}, check=True)
        with open(at[2] + "/inner", "rb") as program, open(at[2] + "/day") as day:
            return program.read(), day.read()

    def test_a_program_is_the_same_from_another_folder_and_on_another_day(self):
        clock = os.path.join(self.folder, "later.so")
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", clock, os.path.join(DEV, "later.c")], check=True)
        one, today = self.built("one")
        # Of another user, who has set things for other builds.
        cargo = os.path.join(self.folder, "cargo")
        os.mkdir(cargo)
        with open(os.path.join(cargo, "config.toml"), "w") as file:
            file.write('[profile.release]\nopt-level = 0\ndebug = 2\n[build]\nrustflags = ["-g"]\n')
        own = {"CFLAGS": "-O0", "RUSTFLAGS": "-g", "CARGO_PROFILE_RELEASE_DEBUG": "2", "LIBRARY_PATH": self.folder, "HOST_CC": "none", "RUSTC_WRAPPER": "none"}
        other, later = self.built("another-whose-path-is-longer", LD_PRELOAD=clock, CARGO_HOME=cargo, **own)
        self.assertNotEqual(today, later)
        self.assertEqual(same.differences("inner", one, other), [])
        self.assertNotIn(self.folder.encode(), one)


if __name__ == "__main__":
    unittest.main()
