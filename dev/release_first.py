#!/usr/bin/env python3
"""release_first.py DIST VERSION COMMIT: whether a second build of that commit can be compared with the release in DIST at all. Prints what DIST was made
with, as NAME=VALUE lines that dev/release takes, or says why not and fails."""

import hashlib
import json
import os
import sys


class Unfit(Exception):
    pass


def read(dist, name):
    try:
        with open(os.path.join(dist, name), "rb") as file:
            return file.read()
    except OSError as error:
        raise Unfit(f"{dist} is no release that one can be compared with: {name}: {error.strerror}") from error


def whole(dist):
    for line in read(dist, "SHA256SUMS").decode().splitlines():
        sha256, name = line.split("  ", 1)
        if hashlib.sha256(read(dist, name)).hexdigest() != sha256:
            raise Unfit(f"{name} in {dist} is not what SHA256SUMS says of it: get it again")


def made_with(dist, version, commit):
    whole(dist)
    predicate = json.loads(read(dist, "provenance.json"))["predicate"]
    build = predicate["buildDefinition"]
    given, of = build["externalParameters"], [one.get("digest", {}).get("gitCommit") for one in build["resolvedDependencies"]]
    if given["version"] != version:
        raise Unfit(f"{dist} is release {given['version']}, and VERSION is {version}")
    if commit not in of:
        raise Unfit(f"{dist} was made of commit {of[0]}, and {commit} is checked out here: git checkout {of[0]}")
    found = {name: given[name.lower()] for name in ("IMAGE", "DOWNLOADS", "PLATFORMS", "CLI")}
    found["BUILDER"] = predicate["runDetails"]["builder"]["id"]
    return found


def main(*args):
    try:
        found = made_with(*args)
    except Unfit as error:
        print(f"reproducible: {error}", file=sys.stderr)
        return 1
    for name, value in found.items():
        print(f"{name}={value}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
