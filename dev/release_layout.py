"""Reads OCI layouts (https://github.com/opencontainers/image-spec) as strictly as whoever signs one should: each blob is what its name says, and nothing
lies there that nothing names."""

import hashlib
import io
import json
import tarfile
import zlib

ENV = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
USER, ENTRYPOINT = "65532:65532", ["/operator"]
# An unpacked layer is no larger than this, whatever its bytes unpack to.
UNPACKED = 200_000_000


class Unsound(Exception):
    """What is wrong, in words."""


def members(data):
    """{name: (member, bytes)} of an archive of files and folders, none of which is there twice."""
    found = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for member in archive:
                if member.name in found:
                    raise Unsound(f"{member.name} is there twice")
                if not (member.isfile() or member.isdir()):
                    raise Unsound(f"{member.name} is neither a file nor a folder")
                found[member.name] = member, archive.extractfile(member).read() if member.isfile() else b""
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise Unsound(f"it is no archive: {error}") from error
    return found


def unpacked(data):
    """What is in a gzip file of one member, with nothing behind it."""
    stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        plain = stream.decompress(data, UNPACKED)
    except zlib.error as error:
        raise Unsound(f"it is no gzip: {error}") from error
    if not stream.eof or stream.unused_data or stream.unconsumed_tail:
        raise Unsound("it is not one whole gzip file")
    return plain


class Layout:
    """A layout with one thing in it."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.blobs = {name: data for name, (member, data) in members(file.read()).items() if member.isfile()}
        self.named = {"oci-layout", "index.json"}
        index = json.loads(self.blobs["index.json"])
        (self.top,) = index["manifests"]

    def follow(self, descriptor):
        """The bytes that a descriptor names, which have the hash and the size that it says."""
        name = "blobs/" + descriptor["digest"].replace(":", "/")
        self.named.add(name)
        data = self.blobs.get(name)
        if data is None:
            raise Unsound(f"{name} is not there")
        if descriptor["digest"] != "sha256:" + hashlib.sha256(data).hexdigest() or descriptor["size"] != len(data):
            raise Unsound(f"{name} is not what its name and its size say")
        return data

    def read(self, descriptor):
        return json.loads(self.follow(descriptor))

    def strays(self):
        """What lies there and nothing that was followed names."""
        return sorted(set(self.blobs) - self.named)


def programs(layout, descriptor, labels):
    """The files of the image for one platform: {name: bytes}. It has one layer, and is run as what it was made for."""
    manifest = layout.read(descriptor)
    config = layout.read(manifest["config"])
    if len(manifest["layers"]) != 1:
        raise Unsound(f"it has {len(manifest['layers'])} layers")
    files = unpacked(layout.follow(manifest["layers"][0]))
    wanted = {"Env": ENV, "User": USER, "Entrypoint": ENTRYPOINT, "Labels": labels}
    if config["config"] != wanted:
        raise Unsound(f"it is run as {config['config']}, not as {wanted}")
    platform = {"architecture": config["architecture"], "os": config["os"]}
    if platform != descriptor["platform"] or config["rootfs"]["diff_ids"] != ["sha256:" + hashlib.sha256(files).hexdigest()]:
        raise Unsound("its configuration is of another image")
    found = {}
    for name, (member, data) in members(files).items():
        program = member.isfile() and "/" not in name
        if member.mode != (0o755 if program or member.isdir() else 0o644) or member.uid or member.gid:
            raise Unsound(f"{name} has the mode {member.mode:o} and belongs to {member.uid}:{member.gid}")
        if member.isfile():
            found[name] = data
        elif name != "licenses":
            raise Unsound(f"there is a folder {name}")
    return found


def chart(layout):
    """The packed chart of a layout that Helm reads."""
    manifest = layout.read(layout.top)
    layout.follow(manifest["config"])
    if len(manifest["layers"]) != 1:
        raise Unsound(f"it has {len(manifest['layers'])} layers")
    return layout.follow(manifest["layers"][0])
