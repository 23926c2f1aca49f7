#!/usr/bin/env python3
"""release_programs.py DIST VERSION OUT: takes the programs out of a release, each into OUT/PLATFORM/PROGRAM, as dev/release has them before it packs."""

import json
import os
import sys

import release_layout
import release_look
from release_layout import Layout, Unsound


def files_of_layer(layout, descriptor):
    (layer,) = layout.read(descriptor)["layers"]
    found = release_layout.members(release_layout.unpacked(layout.follow(layer)))
    return {name: data for name, (member, data) in found.items() if member.isfile()}


def programs(dist, version):
    """{(platform, program): bytes}"""
    found = {}
    layout = Layout(os.path.join(dist, f"backup-operator-{version}.oci.tar"))
    for one in layout.read(layout.top)["manifests"]:
        platform = "{os}-{architecture}".format(**one["platform"])
        files = files_of_layer(layout, one)
        found |= {(platform, name): data for name, data in files.items() if "/" not in name}
    with open(os.path.join(dist, "provenance.json"), "rb") as file:
        given = json.load(file)["predicate"]["buildDefinition"]["externalParameters"]
    for platform in given["cli"].split():
        name = "kubectl-backup" + ".exe" * platform.startswith("windows")
        found[platform, name] = release_look.members(os.path.join(dist, f"kubectl-backup-{version}-{platform}.tar.gz"))[name]
    return found


def main(dist, version, out):
    try:
        found = programs(dist, version)
    except (Unsound, OSError, ValueError, KeyError, TypeError) as error:
        print(f"release-source: the programs of {dist} cannot be taken out: {error if isinstance(error, Unsound) else repr(error)}", file=sys.stderr)
        return 1
    for (platform, name), data in found.items():
        # Names that lead elsewhere are those of no program.
        if not all(part and part not in (".", "..") and "/" not in part for part in (platform, name)):
            print(f"release-source: {dist} has a program {name} for {platform}", file=sys.stderr)
            return 1
        os.makedirs(os.path.join(out, platform), exist_ok=True)
        with open(os.path.join(out, platform, name), "wb") as file:
            file.write(data)
        os.chmod(os.path.join(out, platform, name), 0o755)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
