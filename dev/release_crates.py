#!/usr/bin/env python3
"""release_crates.py CACHE SOURCE: whether each crate that cargo has downloaded into CACHE (a folder for each registry) has the hash that the lock files of
SOURCE name. One that is not there is not missed: cargo downloads it, and looks then."""

import hashlib
import os
import sys
import tomllib

LOCKS = ("Cargo.lock", "crates/sftp/Cargo.lock")


def wanted(source):
    """{file: hash} of all lock files."""
    found = {}
    for lock in LOCKS:
        path = os.path.join(source, lock)
        if os.path.exists(path):
            with open(path, "rb") as file:
                packages = tomllib.load(file).get("package", [])
            found |= {f"{one['name']}-{one['version']}.crate": one["checksum"] for one in packages if "checksum" in one}
    return found


def changed(cache, source):
    """Paths of those that are not what they should be."""
    known, found = wanted(source), []
    for folder, _, names in os.walk(cache):
        for name in names:
            if name in known:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    if hashlib.file_digest(file, "sha256").hexdigest() != known[name]:
                        found.append(path)
    return sorted(found)


def main(cache, source):
    found = changed(cache, source)
    for path in found:
        print(f"release-room: {path} is not the crate that the lock file names: remove it, and cargo downloads it again", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
