#!/usr/bin/env python3
"""Packs what a release gives away: archives, and OCI layouts of images and artifacts. The same input gives the same bytes on every day and in
every folder: members are sorted, belong to nobody, and have one time, the one that SOURCE_DATE_EPOCH names.

  pack.py archive --out FILE.tar.gz --file SOURCE:PATH[:MODE]...
  pack.py image   --out FILE.tar --tag TAG --platform OS/ARCH=FOLDER... --file SOURCE:PATH[:MODE]... [--user UID:GID] [--entrypoint WORD]...
                  [--label NAME=VALUE]... [--limit BYTES]
  pack.py chart   --out FILE.tar --tag TAG --chart FILE.tgz --config Chart.yaml-as.json [--label NAME=VALUE]...

SOURCE may be a folder, whose files all become members below PATH. @ at the start of a SOURCE of an image is its platform's folder.
image and chart write an OCI image layout in one tar file (`skopeo copy --all oci-archive:FILE`), and print the digest of what the tag names;
image also that of each platform.
--limit: an image has more compressed bytes in a platform's layers, as a registry counts them, than that: it is refused.
"""

import argparse
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
HELM_CONFIG = "application/vnd.cncf.helm.config.v1+json"
HELM_CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("archive", "image", "chart"))
    parser.add_argument("--out", required=True)
    for name in ("tag", "user", "chart", "config"):
        parser.add_argument("--" + name, default="")
    parser.add_argument("--limit", type=int)
    for name in ("platform", "file", "entrypoint", "label"):
        parser.add_argument("--" + name, action="append", default=[])
    given = parser.parse_args()
    given.epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or sys.exit("pack.py: set SOURCE_DATE_EPOCH, the time of all members"))
    return given


def encoded(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def described(kind, data, **more):
    return {"mediaType": kind, "digest": digest(data), "size": len(data), **more}


def members(specs, folder=""):
    """SOURCE:PATH[:MODE]... -> {path: (mode, source)}"""
    found = {}
    for spec in specs:
        source, path, *mode = spec.split(":")
        if source.startswith("@"):
            source = folder + source[1:]
        if os.path.isdir(source):
            for at, _, names in os.walk(source):
                for name in names:
                    one = os.path.join(at, name)
                    found[os.path.join(path, os.path.relpath(one, source))] = (0o644, one)
        else:
            found[path] = (int(mode[0], 8) if mode else 0o644, source)
    return {path.lstrip("/"): what for path, what in found.items()}


def tar(files, epoch, folders):
    """A tar file of {path: (mode, source or bytes)}; with the folders above them, where nothing else makes these."""
    entries = dict(files)
    if folders:
        for path in files:
            while path := os.path.dirname(path):
                entries[path] = (0o755, None)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path, (mode, source) in sorted(entries.items()):
            info = tarfile.TarInfo(path)
            info.mode, info.mtime = mode, epoch
            if source is None:
                info.type = tarfile.DIRTYPE
                archive.addfile(info)
                continue
            if not isinstance(source, bytes):
                with open(source, "rb") as file:
                    source = file.read()
            info.size = len(source)
            archive.addfile(info, io.BytesIO(source))
    return out.getvalue()


def gzip(data):
    """By gzip itself, whose output has been the same for decades; Python's follows the zlib that it was built with."""
    return subprocess.run(["gzip", "--no-name", "--best"], input=data, stdout=subprocess.PIPE, check=True).stdout


def write(out, data):
    with tempfile.NamedTemporaryFile(dir=os.path.dirname(os.path.abspath(out)), delete=False) as file:
        file.write(data)
        os.fchmod(file.fileno(), 0o644)
    os.replace(file.name, out)


def layout(given, named, blobs):
    """Writes an OCI layout whose one tag is that descriptor."""
    named = {**named, "annotations": {"org.opencontainers.image.ref.name": given.tag}}
    files = {
        "oci-layout": (0o644, encoded({"imageLayoutVersion": "1.0.0"})),
        "index.json": (0o644, encoded({"schemaVersion": 2, "mediaType": INDEX, "manifests": [named]})),
    }
    for blob in blobs:
        files["blobs/" + digest(blob).replace(":", "/")] = (0o644, blob)
    write(given.out, tar(files, given.epoch, folders=True))
    print(named["digest"])


def image(given):
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(given.epoch))
    labels = dict(label.split("=", 1) for label in given.label)
    manifests, blobs = [], []
    for platform in sorted(given.platform):
        name, folder = platform.split("=", 1)
        system, architecture = name.split("/")
        files = tar(members(given.file, folder), given.epoch, folders=True)
        layer = gzip(files)
        run = {"Env": [PATH]}
        for key, value in (("User", given.user), ("Entrypoint", given.entrypoint), ("Labels", labels)):
            if value:
                run[key] = value
        config = encoded(
            {
                "architecture": architecture,
                "os": system,
                "created": created,
                "config": run,
                "rootfs": {"type": "layers", "diff_ids": [digest(files)]},
                "history": [{"created": created, "created_by": "pack.py"}],
            }
        )
        if given.limit and len(layer) > given.limit:
            sys.exit(f"pack.py: the image has {len(layer)} compressed bytes for {name}, and may have {given.limit} at most")
        print(f"pack.py: {name}: {len(layer)} compressed bytes in its layer, {len(files)} unpacked", file=sys.stderr)
        manifest = encoded(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": described(CONFIG, config),
                "layers": [described(LAYER, layer)],
                "annotations": labels,
            }
        )
        manifests.append(described(MANIFEST, manifest, platform={"architecture": architecture, "os": system}))
        blobs += [layer, config, manifest]
    index = encoded({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests, "annotations": labels})
    layout(given, described(INDEX, index), [*blobs, index])
    for one in manifests:
        print(f"image-{one['platform']['os']}-{one['platform']['architecture']}={one['digest']}")


def chart(given):
    """As `helm push` stores one."""
    with open(given.chart, "rb") as packed, open(given.config, "rb") as about:
        packed, config = packed.read(), encoded(json.load(about))
    manifest = encoded(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": described(HELM_CONFIG, config),
            "layers": [described(HELM_CHART, packed)],
            "annotations": dict(label.split("=", 1) for label in given.label),
        }
    )
    layout(given, described(MANIFEST, manifest), [packed, config, manifest])


def main():
    given = options()
    if given.what == "archive":
        write(given.out, gzip(tar(members(given.file), given.epoch, folders=False)))
    elif given.what == "image":
        image(given)
    else:
        chart(given)


if __name__ == "__main__":
    main()
