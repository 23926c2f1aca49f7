#!/usr/bin/env python3
"""same.py ONE OTHER: compares two folders file by file, and archives (.tar, .tar.gz, .tgz, and the layers of images in them) member by member, so that
it can name what differs: of a program also its first section that does. Signatures (*.sigstore.json) are nobody's to compare. Ends with 0 if
all is the same."""

import gzip
import hashlib
import io
import os
import struct
import sys
import tarfile


def unpacked(name, data):
    """{member: bytes} of what has members, or None."""
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    elif not name.endswith(".tar"):
        return None
    if data[257:262] != b"ustar":
        return None
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}


def sections(data):
    """[(name, bytes)] of an ELF program of 64 bits, or nothing."""
    if data[:5] != b"\x7fELF\x02":
        return []
    (at,) = struct.unpack_from("<Q", data, 0x28)
    size, count, names = struct.unpack_from("<HHH", data, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", data, at + n * size) for n in range(count)]
    if not headers:
        return []
    table = headers[names][4]
    found = []
    for name, kind, _, _, offset, length in headers:
        end = data.index(b"\0", table + name)
        found.append((data[table + name : end].decode(), b"" if kind == 8 else data[offset : offset + length]))
    return found


def differences(name, one, other):
    """Lines that say where two files differ; none: they do not."""
    if one == other:
        return []
    members = unpacked(name, one), unpacked(name, other)
    if all(members):
        found = []
        # A blob is called by its hash: what differs has another name on either side, and the blobs are compared in their order.
        if any(path.startswith("blobs/") for path in members[0]):
            members = tuple({f"blob {n}": blob for n, blob in enumerate(sorted_blobs(of))} for of in members)
        for path in sorted(set(members[0]) | set(members[1])):
            if path not in members[0] or path not in members[1]:
                found.append(f"{name}: {path} is only in one")
            else:
                found += differences(f"{name}: {path}", members[0][path], members[1][path])
        return found or [f"{name}: the members are the same, their order, times, modes or the compression are not"]
    for (section, ours), (of_other, theirs) in zip(sections(one), sections(other)):
        if section != of_other or ours != theirs:
            at = next((n for n, pair in enumerate(zip(ours, theirs)) if pair[0] != pair[1]), min(len(ours), len(theirs)))
            return [f"{name}: section {section} differs first, at its byte {at}: {ours[at : at + 60]!r} and {theirs[at : at + 60]!r}"]
    at = next((n for n, pair in enumerate(zip(one, other)) if pair[0] != pair[1]), min(len(one), len(other)))
    return [f"{name}: differs first at byte {at}: {one[at : at + 60]!r} and {other[at : at + 60]!r}"]


def sorted_blobs(members):
    """Layers before what names them, larger before smaller."""
    return sorted((blob for path, blob in members.items() if path.startswith("blobs/")), key=lambda blob: -len(blob))


def read(folder):
    found = {}
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".sigstore.json"):
            with open(os.path.join(folder, name), "rb") as file:
                found[name] = file.read()
    return found


def main(one, other):
    one, other = read(one), read(other)
    found = []
    for name in sorted(set(one) | set(other)):
        if name not in one or name not in other:
            found.append(f"{name} is only in one")
            continue
        of_this = differences(name, one[name], other[name])
        if not of_this:
            print(f"same  {hashlib.sha256(one[name]).hexdigest()}  {name}")
        found += of_this
    for line in found:
        print(f"DIFFERS  {line}")
    if not one:
        found.append("")
        print("DIFFERS  there is no file to compare")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
