#!/usr/bin/env python3
"""release_look.py DIST VERSION: reads a release as whoever checks one does, and fails where it does not say what is true:

the size of each platform's image, that each of its blobs is what its name says, and that nothing else is in it; that SHA256SUMS and provenance.json name every file by its hash, and
nothing more; that image.json names the image, and all that runs one runs this; that archives hold the program of their platform and nothing else; that every program carries the list of
what it is made of (`cargo auditable`: a section .dep-v0 of compressed JSON); that SPDX and CycloneDX documents hang together. Where this is a checkout of the commit that the release
names, its lock files are compared, too."""

import hashlib
import json
import os
import re
import struct
import subprocess
import sys
import zlib

import release_layout
import same
from release_layout import Layout, Unsound

LIMIT = 20_000_000
LIST = ".dep-v0"
FILES = ("agent", "depot", "licenses/LICENSE", "licenses/THIRD-PARTY-NOTICES", "operator", "sftp")
# Objects as JSON in a bundle's ClusterServiceVersion, which nobody runs.
EXAMPLES = re.compile(r"^( *)alm-examples: \|.*?^\1  \]$", re.MULTILINE | re.DOTALL)
BUILD_TYPE = "tag:backup-operator.io,2026:make-release/v1"
# What is in a program and comes from no crate.
LINKED = {"rust", "libc6-dev"}


def sections(data):
    """[(name, bytes)] of a program of Linux or of Windows."""
    if data[:2] != b"MZ":
        return same.sections(data)
    (at,) = struct.unpack_from("<I", data, 0x3C)
    count, optional = struct.unpack_from("<H", data, at + 6)[0], struct.unpack_from("<H", data, at + 20)[0]
    found = []
    for n in range(count):
        name, _, _, size, offset = struct.unpack_from("<8sIIII", data, at + 24 + optional + n * 40)
        found.append((name.rstrip(b"\0").decode(), data[offset : offset + size]))
    return found


def made_of(data):
    """The packages that a program says it is made of; none if it says nothing."""
    section = dict(sections(data)).get(LIST)
    # Sections of Windows are filled up with zeros.
    return json.loads(zlib.decompressobj().decompress(section))["packages"] if section else []


def linked_by_rust(data):
    """Whether Rust's own linker made a program: it says so itself."""
    return b"Linker: LLD" in dict(sections(data)).get(".comment", b"")


def members(path):
    """{name: bytes} of a packed archive."""
    with open(path, "rb") as file:
        found = release_layout.members(release_layout.unpacked(file.read()))
    return {name: data for name, (_, data) in found.items()}


def runs_on(data):
    """The platform that a program is for."""
    if data[:2] == b"MZ":
        (at,) = struct.unpack_from("<I", data, 0x3C)
        return {0x8664: "windows-amd64"}.get(*struct.unpack_from("<H", data, at + 4))
    return {62: "linux-amd64", 183: "linux-arm64"}.get(*struct.unpack_from("<H", data, 18)) if data[:5] == b"\x7fELF\x02" else None


def interpreted(data):
    """Whether a program of Linux asks for an interpreter (PT_INTERP), as one that is not static does: it would start where this is read, and not in an image that holds nothing else."""
    if data[:5] != b"\x7fELF\x02":
        return False
    (at,) = struct.unpack_from("<Q", data, 0x20)
    size, count = struct.unpack_from("<HH", data, 0x36)
    return any(struct.unpack_from("<I", data, at + n * size) == (3,) for n in range(count))


def images(text):
    """What is run by a manifest: the values of its keys `image`, in either style of YAML, and of the variables by which the operator is told what to run. Those of kinds' schemas have none."""
    text = text.decode()
    keys = re.findall(r"^ *(?:- +)?[\"']?image[\"']? *: *[\"']?([^\s\"']+)|[{,] *[\"']?image[\"']? *: *[\"']?([^\s\"',}]+)", EXAMPLES.sub("", text), re.MULTILINE)
    variables = re.findall(r"^ *(?:- +)?name: *[\"']?\w*IMAGE[\"']? *\n *value: *[\"']?([^\s\"']+)", text, re.MULTILINE)
    return {one for pair in keys for one in pair if one} | set(variables)


def documents(text):
    """The documents of a file of YAML, as they are written."""
    return {one.strip("\n") for one in re.split(r"^---$", text.decode(), flags=re.MULTILINE) if one.strip()}


def fields(text, name, indent=0):
    """The values of lines `name: value` that are so far from the margin."""
    return re.findall(rf"^ {{{indent}}}{re.escape(name)}: *(\S+)$", text.decode(), re.MULTILINE)


def names(version, platforms, cli):
    """Every file of a release, but signatures."""
    ends = [".oci.tar", ".tgz"]
    found = ["SHA256SUMS", "image.json", "provenance.json", "install.yaml", "store.yaml", "crds.yaml", "exec-policy.yaml", f"backup-operator-chart-{version}.oci.tar", f"backup-operator-olm-{version}.tar.gz"]
    found += [f"backup-operator-{version}{end}" for end in ends]
    found += [f"sbom-{program}-{version}.cdx.json" for program in ("agent", "depot", "kubectl-backup", "operator", "sftp")]
    found += [f"image-{platform}.spdx.json" for platform in platforms]
    found += [f"kubectl-backup-{version}-{platform}.tar.gz" for platform in cli] + (["backup.yaml"] if cli else [])
    return set(found)


class Release:
    def __init__(self, dist, version):
        self.dist, self.version, self.faults = dist, version, []
        # Of the first platform, and the crates that SPDX has of x86-64.
        self.licences, self.of_amd64, self.cli_of_amd64 = {}, set(), set()

    def read(self, name):
        with open(os.path.join(self.dist, name), "rb") as file:
            return file.read()

    def must(self, holds, text):
        if holds:
            print("well:  " + text)
        else:
            self.faults.append(text)
            print("FAULT: " + text)

    def files(self):
        return [name for name in sorted(os.listdir(self.dist)) if not name.endswith(".sigstore.json")]

    def whole(self):
        """What it should be made of follows from what it says that it was asked for."""
        given = self.build()["externalParameters"]
        wanted, found = names(self.version, given["platforms"].split(), given["cli"].split()), set(self.files())
        self.must(wanted == found, f"it has each of {len(wanted)} files, and no other {sorted(wanted ^ found) or ''}")

    def manifests(self, image):
        """All that runs the image names it by this digest, and nothing runs another."""
        chart = members(os.path.join(self.dist, f"backup-operator-{self.version}.tgz"))
        bundle = members(os.path.join(self.dist, f"backup-operator-olm-{self.version}.tar.gz"))
        texts = {name: self.read(name) for name in ("install.yaml", "store.yaml")}
        texts |= {name: text for name, text in bundle.items() if name.endswith(".clusterserviceversion.yaml")}
        name, digest = image.split("@")
        lacks = [file for file, text in texts.items() if images(text) != {image}]
        lacks += [file for file, text in bundle.items() if file not in texts and images(text)]
        texts["values.yaml"] = values = chart["backup-operator/values.yaml"]
        lacks += ["values.yaml"] if name.encode() not in values else []
        lacks += [file for file, text in texts.items() if set(re.findall(rb"sha256:[0-9a-f]{64}", text)) != {digest.encode()}]
        self.must(len(texts) == 4 and not lacks, f"manifests, chart and bundle run {image} and nothing else {lacks or ''}")
        of_bundle = next((text for name, text in bundle.items() if name.endswith(".clusterserviceversion.yaml")), b"")
        of_chart = chart["backup-operator/Chart.yaml"]
        told = fields(of_chart, "version") + fields(of_chart, "appVersion") + fields(of_bundle, "version", 2) + fields(of_bundle, "name", 2)
        self.must(told == [self.version] * 3 + [f"backup-operator.v{self.version}"], f"chart and bundle are of this version: {' '.join(told)}")
        self.must(images(of_chart) == {image}, "the chart tells Artifact Hub of the image by its digest, and of no other")
        admission = documents(bundle.get("admission.yaml", b""))
        self.must(admission and admission <= documents(self.read("install.yaml")), f"admission.yaml of the bundle has {len(admission)} objects of install.yaml, and no other")
        kinds = [text for name, text in sorted(bundle.items()) if name.endswith(".crd.yaml")]
        whole = {name: self.read(name) for name in ("crds.yaml", "install.yaml")}
        lacks = [name for name, text in whole.items() if any(kind not in text for kind in kinds)]
        self.must(kinds and not lacks, f"the {len(kinds)} kinds of the bundle are those of the manifests {lacks or ''}")
        try:
            layout = Layout(os.path.join(self.dist, f"backup-operator-chart-{self.version}.oci.tar"))
            same_chart = release_layout.chart(layout) == self.read(f"backup-operator-{self.version}.tgz") and not layout.strays()
        except Unsound as error:
            same_chart = False
            print(f"the chart's layout: {error}")
        self.must(same_chart, "the chart's layout has the chart, and nothing else")

    def hashes(self):
        found = {name: hashlib.sha256(self.read(name)).hexdigest() for name in self.files() if name != "SHA256SUMS"}
        sums = dict(reversed(line.split("  ", 1)) for line in self.read("SHA256SUMS").decode().splitlines())
        self.must(sums == found, f"SHA256SUMS names each of {len(found)} files by its hash")
        subjects = json.loads(self.read("provenance.json"))["subject"]
        subjects = sorted((one["name"], one["digest"].get("sha256")) for one in subjects)
        wanted = {name: sha256 for name, sha256 in found.items() if name != "provenance.json"}
        image, digest = self.signed()
        wanted[image] = digest.removeprefix("sha256:")
        unfit = sorted({name for name, _ in set(subjects) ^ set(wanted.items())})
        self.must(len(subjects) == len(wanted) and not unfit, f"provenance.json names the image and every other file by its hash, and nothing else {unfit or ''}")

    def provenance(self):
        """By https://slsa.dev/spec/v1.0/provenance and https://github.com/in-toto/attestation/tree/main/spec/v1."""
        statement = json.loads(self.read("provenance.json"))
        self.must(statement.get("_type") == "https://in-toto.io/Statement/v1" and statement.get("predicateType") == "https://slsa.dev/provenance/v1", "provenance.json is a statement of SLSA's")
        build, run = statement["predicate"].get("buildDefinition", {}), statement["predicate"].get("runDetails", {})
        uris = [build.get("buildType", ""), run.get("builder", {}).get("id", "")]
        self.must(uris[0] == BUILD_TYPE and ":" in uris[1], f"it names how it was built and by whom: {uris}")
        given = build.get("externalParameters", {})
        self.must(set(given) == {"version", "image", "downloads", "platforms", "cli"} and (given["version"], given["image"]) == (self.version, self.signed()[0]), f"it names what decided: {given}")
        named = [one.get("uri") or one.get("name") for one in build.get("resolvedDependencies", []) if one.get("uri") or one.get("digest")]
        wanted = {"source", "Cargo.lock", "crates/sftp/Cargo.lock"}
        wanted_of = ("pkg:generic/rust@", "pkg:deb/debian/libc6-dev@")
        self.must(wanted <= set(named) and all(any(name.startswith(of) for name in named) for of in wanted_of), f"it names {len(named)} things that the programs were made of and by")
        commit = self.commit()
        self.must(re.fullmatch("[0-9a-f]{40}", commit), f"it names the commit {commit}")
        self.source(commit, {one.get("name"): one.get("digest", {}).get("sha256") for one in build.get("resolvedDependencies", [])})

    def build(self):
        """What the release says that it was made of and by."""
        return json.loads(self.read("provenance.json"))["predicate"]["buildDefinition"]

    def signed(self):
        """The name and the digest of the image."""
        image = json.loads(self.read("image.json"))["critical"]
        return image["identity"]["docker-reference"], image["image"]["docker-manifest-digest"]

    def commit(self):
        return next((one["digest"]["gitCommit"] for one in self.build()["resolvedDependencies"] if one.get("name") == "source"), "")

    def source(self, commit, named):
        """Of a release of what is checked out here, what it says of its source is compared."""

        def git(*words):
            return subprocess.run(["git", "-C", os.path.dirname(os.path.abspath(__file__)), *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout

        if git("rev-parse", "HEAD").decode().strip() != commit:
            print("left:  its lock files are not compared: another commit is checked out here")
            return
        wrong = [lock for lock in ("Cargo.lock", "crates/sftp/Cargo.lock") if hashlib.sha256(git("show", f"{commit}:{lock}")).hexdigest() != named.get(lock)]
        self.must(not wrong, f"its lock files are those of that commit {wrong or ''}")

    def image(self):
        layout = Layout(os.path.join(self.dist, f"backup-operator-{self.version}.oci.tar"))
        index = layout.read(layout.top)
        name, digest = self.signed()
        self.must(digest == layout.top["digest"], "image.json names the image of the layout")
        self.manifests(f"{name}@{digest}")
        build = self.build()
        tools = {one.get("name") for one in build["resolvedDependencies"]}
        label = {"title": "backup-operator", "version": self.version, "revision": self.commit(), "created": build["internalParameters"]["created"], "licenses": "Apache-2.0"}
        labels = {f"org.opencontainers.image.{name}": value for name, value in label.items()}
        platforms = ["{os}-{architecture}".format(**one["platform"]) for one in index["manifests"]]
        self.must(sorted(platforms) == build["externalParameters"]["platforms"].split(), f"the image is for {' and '.join(platforms)}")
        for platform, descriptor in zip(platforms, index["manifests"], strict=True):
            size = sum(layer["size"] for layer in layout.read(descriptor)["layers"])
            self.must(size <= LIMIT, f"{platform}: {size} compressed bytes are {LIMIT} at most")
            files = release_layout.programs(layout, descriptor, labels)
            self.must(sorted(files) == sorted(FILES), f"{platform}: in the image are {' '.join(sorted(files))}, as one layer, run as {release_layout.USER}")
            licences = {name: files[f"licenses/{name}"] for name in ("LICENSE", "THIRD-PARTY-NOTICES")}
            self.licences = self.licences or licences
            with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "LICENSE"), "rb") as file:
                self.must(licences == self.licences and licences["LICENSE"] == file.read(), f"{platform}: its licence is the one of this checkout, and the notices are those of every platform")
            programs = {name: files[name] for name in ("operator", "agent", "depot", "sftp")}
            self.must({runs_on(data) for data in programs.values()} == {platform}, f"{platform}: its programs are for that")
            by_rust = {linked_by_rust(data) for data in programs.values()}
            self.must(by_rust == {f"linker for {platform}" not in tools}, f"{platform}: provenance.json names the linker, unless it is Rust's own")
            for program, data in programs.items():
                self.program(f"{platform}: {program}", program, data)
            self.spdx(platform, descriptor["digest"], programs)
        self.must(not layout.strays(), f"each blob of the layout is what its name says, and none is left over {layout.strays() or ''}")

    def program(self, called, crate, data):
        packages = made_of(data)
        own = [package["version"] for package in packages if package["name"] == crate]
        self.must(own == [self.version], f"{called} lists {len(packages)} packages that it is made of")
        self.must(not interpreted(data), f"{called} is static: it needs no other file to start")

    def archives(self):
        given = self.build()["externalParameters"]
        wanted = []
        for platform in given["cli"].split():
            name, program = f"kubectl-backup-{self.version}-{platform}.tar.gz", "kubectl-backup" + ".exe" * platform.startswith("windows")
            files = members(os.path.join(self.dist, name))
            data = files.pop(program, b"")
            self.must(files == self.licences and runs_on(data) == platform, f"{name} has the program for {platform}, the image's licences, and nothing else")
            self.program(name, "cli", data)
            if platform == "linux-amd64":
                self.cli_of_amd64 = {(one["name"], one["version"]) for one in made_of(data)}
            system, architecture = platform.split("-")
            wanted.append((program, architecture, system, hashlib.sha256(self.read(name)).hexdigest(), f"{given['downloads']}/{name}"))
        if wanted:
            text = self.read("backup.yaml")
            found = re.findall(r"^  - bin: (\S+)$.*?^ *arch: (\S+)\n *os: (\S+)\n *sha256: (\S+)\n *uri: (\S+)$", text.decode(), re.MULTILINE | re.DOTALL)
            of_version = fields(text, "version", 2) == [f"v{self.version}"]
            self.must(sorted(found) == sorted(wanted) and of_version, f"krew's manifest names for each of {len(wanted)} systems its program, its archive and its hash, and the version")

    def spdx(self, platform, digest, programs):
        document = json.loads(self.read(f"image-{platform}.spdx.json"))
        packages = {package["SPDXID"]: package for package in document["packages"]}
        self.must(packages["SPDXRef-image"]["externalRefs"][0]["referenceLocator"].endswith(digest.replace(":", "%3A")), f"{platform}: SPDX names the image by its digest")
        sums = {package["name"]: package["checksums"][0]["checksumValue"] for package in packages.values() if "checksums" in package}
        self.must(sums == {name: hashlib.sha256(data).hexdigest() for name, data in programs.items()}, f"{platform}: SPDX names each program by its hash")
        unknown = [package["name"] for package in packages.values() if package["licenseDeclared"] == "NOASSERTION"]
        self.must(not unknown, f"{platform}: SPDX has a licence of each of {len(packages)} packages {unknown or ''}")
        listed = {(package["name"], package["versionInfo"]) for package in packages.values()}
        libc = {name for name, _ in listed if name.startswith("libc6-dev")}
        self.must(libc and "rust" in dict(listed), f"{platform}: SPDX lists what every program was linked with {sorted(libc)}")
        # Both lists come from cargo, by ways of their own. The document has what is built (`cargo tree`). What programs carry is made from `cargo metadata`, which joins
        # the features of all crates and their tests, and knows no macros: it has more. So only the other way round something is wrong.
        carried = {(one["name"], one["version"]) for data in programs.values() for one in made_of(data)}
        crates = {(package["name"], package["versionInfo"]) for package in packages.values() if "crate" in package["SPDXID"]}
        unknown = sorted(" ".join(crate) for crate in crates - carried)
        self.must(crates and not unknown, f"{platform}: programs carry each of {len(crates)} crates that SPDX lists {unknown or ''}")
        noted = self.licences.get("THIRD-PARTY-NOTICES", b"").decode()
        published = [package for package in packages.values() if "crate" in package["SPDXID"] and "externalRefs" in package]
        unnoted = [package["name"] for package in published if f"{package['name']} {package['versionInfo']} ({package['licenseDeclared']})" not in noted]
        self.must(not unnoted, f"{platform}: the notices name each of {len(published)} crates with its licence {unnoted or ''}")
        if platform == "linux-amd64":
            self.of_amd64 = {(package["name"], package["versionInfo"]) for package in published}
        more = sum(one not in listed for one in carried)
        print(f"more:  {platform}: {more} macros, crates of build scripts and of features that only tests turn on are in the lists that programs carry, and not in SPDX")

    def cyclonedx(self):
        crates = set()
        for name in self.files():
            if name.endswith(".cdx.json"):
                document = json.loads(self.read(name))
                known = {one["bom-ref"] for one in document["components"]} | {document["metadata"]["component"]["bom-ref"]}
                dangling = {ref for one in document["dependencies"] for ref in (one["ref"], *one.get("dependsOn", [])) if ref not in known}
                linked = LINKED <= {one["name"] for one in document["components"]}
                of = document["metadata"]["component"]
                linked = linked and name == f"sbom-{of['name']}-{of['version']}.cdx.json"
                published = {(one["name"], one["version"]) for one in document["components"] if one["bom-ref"].startswith("registry+")}
                if of["name"] != "kubectl-backup":
                    crates |= published
                elif self.cli_of_amd64:
                    # As with SPDX: a program's own list has more, and lacks nothing.
                    unknown = sorted(" ".join(crate) for crate in published - self.cli_of_amd64)
                    self.must(published and not unknown, f"kubectl-backup for x86-64 carries each of {len(published)} crates that its CycloneDX lists {unknown or ''}")
                self.must(linked and not dangling, f"{name} lists {len(document['components'])} components {sorted(dangling) or ''}")
        if self.of_amd64:
            unlike = sorted(" ".join(crate) for crate in crates ^ self.of_amd64)
            self.must(not unlike, f"CycloneDX and SPDX have the same {len(self.of_amd64)} crates of the image's programs for x86-64 {unlike or ''}")


def main(dist, version):
    release = Release(dist, version)
    if others := [name for name in release.files() if not os.path.isfile(os.path.join(dist, name))]:
        release.must(False, f"it is files alone: {' '.join(others)}")
        return 1
    # What is looked at is there, and says what it is: else it is no release, and nothing more can be said of it.
    try:
        release.whole()
        if not release.faults:
            release.hashes()
            release.provenance()
            release.image()
            release.archives()
            release.cyclonedx()
    except (Unsound, OSError, ValueError, KeyError, TypeError, IndexError, struct.error, zlib.error) as error:
        release.must(False, f"it can be read: {error if isinstance(error, Unsound) else repr(error)}")
    return 1 if release.faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
