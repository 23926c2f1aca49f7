#!/usr/bin/env python3
"""release_first.py DIST VERSION COMMIT: whether a second build of that commit can be compared with the release in DIST at all. Prints what DIST was made
with, as NAME=VALUE lines that dev/release takes, or says why not and fails.
release_first.py DIST --commit: which commit it says that it was made of.
release_first.py DIST RUST LINKED --by: whether this machine has what DIST was built by: Rust of that version, and the packages of dev/release-linked's lines."""

import hashlib
import json
import os
import re
import sys
from urllib.parse import quote


class Unfit(Exception):
    pass


def read(dist, name):
    try:
        with open(os.path.join(dist, name), "rb") as file:
            return file.read()
    except OSError as error:
        raise Unfit(f"{dist} is no release that one can be compared with: {name}: {error.strerror}") from error


def whole(dist):
    named = {"SHA256SUMS"}
    for line in read(dist, "SHA256SUMS").decode().splitlines():
        sha256, name = line.split("  ", 1)
        named.add(name)
        if hashlib.sha256(read(dist, name)).hexdigest() != sha256:
            raise Unfit(f"{name} in {dist} is not what SHA256SUMS says of it: get it again")
    others = [name for name in sorted(os.listdir(dist)) if name not in named and not name.endswith(".sigstore.json")]
    if others:
        raise Unfit(f"{dist} holds {' '.join(others)}, which SHA256SUMS does not name: a release is compared that is nothing else")


def built_by(dist, rust, linked):
    build = json.loads(read(dist, "provenance.json"))["predicate"]["buildDefinition"]
    theirs = {one["uri"] for one in build["resolvedDependencies"] if one.get("uri", "").startswith(("pkg:deb/", "pkg:generic/rust@"))}
    ours = {f"pkg:generic/rust@{rust}"}
    for line in linked.splitlines():
        _, _, package, version, architecture, source = line.split(" ")
        ours.add(f"pkg:deb/debian/{package}@{quote(version, safe='~')}?arch={architecture}&upstream={source}")
    if theirs != ours:
        lines = [f"  it was built by {uri}" for uri in sorted(theirs - ours)] + [f"  here is         {uri}" for uri in sorted(ours - theirs)]
        raise Unfit("other compilers or libraries make other bytes, and those of this release are not here (snapshot.debian.org keeps each of Debian's):\n" + "\n".join(lines))
    return {}


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
    for name, value in found.items():
        # They become variables of a shell that is about to build: a line of somebody else's making must not.
        if not isinstance(value, str) or not value.isprintable():
            raise Unfit(f"{dist} was made with {name}={value!r}, which no release is made with")
    return found


def commit_of(dist):
    whole(dist)
    build = json.loads(read(dist, "provenance.json"))["predicate"]["buildDefinition"]
    of = [commit for one in build["resolvedDependencies"] if (commit := one.get("digest", {}).get("gitCommit"))]
    # It becomes a word of git's command line.
    if len(of) != 1 or not re.fullmatch("[0-9a-f]{40}", of[0]):
        raise Unfit(f"{dist} does not name one commit that it was made of, but {of}")
    return of[0]


def main(*args):
    try:
        if args[-1] == "--commit":
            print(commit_of(args[0]))
            return 0
        found = built_by(*args[:-1]) if args[-1] == "--by" else made_with(*args)
    except Unfit as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        print(f"release: {args[0]} is no release that one can be compared with: its SHA256SUMS or its provenance.json cannot be read ({error!r})", file=sys.stderr)
        return 1
    for name, value in found.items():
        print(f"{name}={value}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
