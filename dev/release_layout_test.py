"""The rules of release_layout.py, over images that pack.py makes."""

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

from release_layout import Layout, Unsound, members, programs, unpacked

LABELS = {"org.opencontainers.image.title": "o"}
SYMLINK = tarfile.TarInfo("bin")
SYMLINK.type, SYMLINK.linkname = tarfile.SYMTYPE, "/operator"


def packed(entries):
    """An archive of [(name, mode, bytes)], or of members as they are."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                archive.addfile(entry)
                continue
            name, mode, data = entry
            info = tarfile.TarInfo(name)
            info.mode, info.size = mode, len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


class Image(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "image.oci.tar")
        for name in ("operator", "LICENSE"):
            with open(os.path.join(self.folder.name, name), "w") as file:
                file.write(name)
        pack = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pack.py")
        words = ["image", "--out", self.path, "--tag", "1", "--platform", f"linux/amd64={self.folder.name}", "--file", "@/operator:/operator:755"]
        words += ["--file", f"{self.folder.name}/LICENSE:/licenses/LICENSE", "--user", "65532:65532", "--entrypoint", "/operator", "--label", "org.opencontainers.image.title=o"]
        subprocess.run([sys.executable, pack, *words], env={**os.environ, "SOURCE_DATE_EPOCH": "1"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)

    def look(self):
        layout = Layout(self.path)
        index = layout.read(layout.top)
        return programs(layout, index["manifests"][0], LABELS), layout.strays()

    def change(self, layer=None, config=None, manifest=None, consistent=True, add=()):
        """Makes the layout anew with that changed, and hashes that fit, or not."""
        with open(self.path, "rb") as file:
            blobs = {name: data for name, (member, data) in members(file.read()).items() if member.isfile()}
        top = json.loads(blobs.pop("index.json"))
        read = lambda one: json.loads(blobs["blobs/" + one["digest"].replace(":", "/")])  # noqa: E731

        def put(descriptor, data):
            name = "blobs/" + descriptor["digest"].replace(":", "/")
            if consistent:
                del blobs[name]
                descriptor |= {"digest": "sha256:" + hashlib.sha256(data).hexdigest(), "size": len(data)}
                name = "blobs/" + descriptor["digest"].replace(":", "/")
            blobs[name] = data

        index = read(top["manifests"][0])
        of = read(index["manifests"][0])
        about = read(of["config"])
        if layer is not None:
            about["rootfs"]["diff_ids"] = ["sha256:" + hashlib.sha256(layer).hexdigest()]
            put(of["layers"][0], gzip.compress(layer))
        (config or (lambda _: None))(about)
        put(of["config"], json.dumps(about).encode())
        (manifest or (lambda _: None))(of)
        put(index["manifests"][0], json.dumps(of).encode())
        put(top["manifests"][0], json.dumps(index).encode())
        files = {**blobs, "index.json": json.dumps(top).encode(), **dict(add)}
        with open(self.path, "wb") as file:
            file.write(packed([(name, 0o644, data) for name, data in files.items()]))

    def test_an_image_as_it_is_made_is_sound(self):
        files, strays = self.look()
        self.assertEqual((files, strays), ({"operator": b"operator", "licenses/LICENSE": b"LICENSE"}, []))

    def test_an_image_that_runs_otherwise_is_not(self):
        for key, value in (("User", "0:0"), ("Entrypoint", ["/agent"]), ("Env", ["LD_PRELOAD=/x"]), ("Labels", {}), ("Cmd", ["x"])):
            with self.subTest(key):
                self.setUp()
                self.change(config=lambda about, key=key, value=value: about["config"].update({key: value}))
                self.assertRaisesRegex(Unsound, "it is run as", self.look)

    def test_what_is_not_what_its_name_says_is_not(self):
        self.change(config=lambda about: about["config"].update({"User": "0:0"}), consistent=False)
        self.assertRaisesRegex(Unsound, "not what its name", self.look)

    def test_a_second_layer_and_what_nothing_names_are_seen(self):
        self.change(manifest=lambda of: of["layers"].append(of["layers"][0]))
        self.assertRaisesRegex(Unsound, "2 layers", self.look)
        self.setUp()
        self.change(add=[("blobs/sha256/00", b"stray"), ("more.txt", b"")])
        self.assertEqual(self.look()[1], ["blobs/sha256/00", "more.txt"])

    def test_a_layer_has_files_of_two_modes_and_nothing_else(self):
        good = ("operator", 0o755, b"operator")
        for entries, fault in (
            ([("operator", 0o6755, b"")], "mode 6755"),
            ([good, ("licenses/LICENSE", 0o755, b"")], "mode 755"),
            ([good, SYMLINK], "neither a file nor a folder"),
            ([good, good], "twice"),
        ):
            with self.subTest(fault):
                self.setUp()
                self.change(layer=packed(entries))
                self.assertRaisesRegex(Unsound, fault, self.look)

    def test_a_gzip_file_is_one_and_nothing_comes_after_it(self):
        whole = gzip.compress(b"x" * 100)
        self.assertEqual(unpacked(whole), b"x" * 100)
        for data in (whole[:-1], whole + b"x", whole + whole, b"x", b""):
            self.assertRaises(Unsound, unpacked, data)


if __name__ == "__main__":
    unittest.main()
