#!/usr/bin/env python3
"""Makes a container image (a docker-archive, as `ctr images import` reads it) from files, and prints its id.

The same input gives the same bytes: no time, owner or order of this machine gets in.

  mkimg.py --out IMAGE.tar --tag REF... [--rootfs ROOT.tar] [--file SOURCE:PATH[:MODE]]... [--link PATH:TARGET]...
           [--dir PATH[:MODE]]... [--user UID[:GID]] [--env NAME=VALUE]... [--entrypoint WORD]... [--cmd WORD]...

--rootfs becomes the first layer as it is; all that the other options name becomes one layer on top of it.
"""

import argparse
import hashlib
import io
import json
import os
import tarfile
import tempfile

EPOCH = "1970-01-01T00:00:00Z"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--rootfs")
    parser.add_argument("--user", default="")
    for name in ("tag", "file", "link", "dir", "env", "entrypoint", "cmd"):
        parser.add_argument("--" + name, action="append", default=[])
    return parser.parse_args()


def member(path, kind, mode, size=0, target=""):
    info = tarfile.TarInfo(path.lstrip("/"))
    info.type, info.mode, info.size, info.linkname = kind, mode, size, target
    return info


def split(spec, default_mode):
    """PATH[:MODE] -> (path, mode)"""
    path, _, mode = spec.partition(":")
    return path, int(mode, 8) if mode else default_mode


def upper_layer(given, out):
    """Writes the layer of --dir, --file and --link, each with the directories above it; False when there is nothing to write."""
    entries = {}
    for spec in given.dir:
        path, mode = split(spec, 0o755)
        entries[path] = (member(path, tarfile.DIRTYPE, mode), None)
    for spec in given.file:
        source, _, rest = spec.partition(":")
        path, mode = split(rest, 0o755 if os.access(source, os.X_OK) else 0o644)
        entries[path] = (member(path, tarfile.REGTYPE, mode, os.path.getsize(source)), source)
    for spec in given.link:
        path, _, target = spec.partition(":")
        entries[path] = (member(path, tarfile.SYMTYPE, 0o777, target=target), None)
    if not given.rootfs:  # a layer on top of another must not change the modes of directories that are there
        for path in list(entries):
            while (path := os.path.dirname(path)) not in ("", "/"):
                entries.setdefault(path, (member(path, tarfile.DIRTYPE, 0o755), None))
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for _, (info, source) in sorted(entries.items()):
            if source:
                with open(source, "rb") as data:
                    tar.addfile(info, data)
            else:
                tar.addfile(info)
    return bool(entries)


def sha256(file):
    digest = hashlib.sha256()
    file.seek(0)
    while block := file.read(1 << 20):
        digest.update(block)
    file.seek(0)
    return digest.hexdigest()


def config(given, layers):
    run = {"Env": given.env if any(e.startswith("PATH=") for e in given.env) else [PATH, *given.env]}
    for key, value in (("User", given.user), ("Entrypoint", given.entrypoint), ("Cmd", given.cmd)):
        if value:
            run[key] = value
    return json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": EPOCH,
            "config": run,
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest for digest in layers]},
            "history": [{"created": EPOCH, "created_by": "mkimg.py"} for _ in layers],
        },
        sort_keys=True,
    ).encode()


def main():
    given = options()
    files = {}
    if given.rootfs:
        rootfs = open(given.rootfs, "rb")
        files[sha256(rootfs)] = rootfs
    upper = tempfile.TemporaryFile(dir=os.path.dirname(os.path.abspath(given.out)))
    if upper_layer(given, upper):
        files[sha256(upper)] = upper

    image = config(given, files)
    image_id = hashlib.sha256(image).hexdigest()
    manifest = [{"Config": image_id + ".json", "RepoTags": given.tag, "Layers": [digest + "/layer.tar" for digest in files]}]
    with tarfile.open(given.out, "w", format=tarfile.GNU_FORMAT) as tar:
        for name, data in ((image_id + ".json", image), ("manifest.json", json.dumps(manifest).encode())):
            tar.addfile(member(name, tarfile.REGTYPE, 0o644, len(data)), io.BytesIO(data))
        for digest, layer in files.items():
            size = layer.seek(0, os.SEEK_END)
            layer.seek(0)
            tar.addfile(member(digest + "/layer.tar", tarfile.REGTYPE, 0o644, size), layer)
            layer.close()
    print("sha256:" + image_id)


main()
