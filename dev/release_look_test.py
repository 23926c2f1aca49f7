"""The rules of release_look.py."""

import contextlib
import hashlib
import io
import json
import os
import struct
import tarfile
import tempfile
import unittest
import unittest.mock
import zlib

import release_look

PACKAGES = [{"name": "operator", "version": "0.1.0", "source": "local"}]
LIST = zlib.compress(json.dumps({"packages": PACKAGES}).encode())


def windows(sections):
    """The least of a program for Windows that has sections."""
    head = b"MZ" + bytes(0x3A) + struct.pack("<I", 64) + b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, len(sections), 0, 0, 0, 0, 0)
    at, table, data = len(head) + 40 * len(sections), b"", b""
    for name, content in sections:
        table += struct.pack("<8sIIII", name, len(content), 0, len(content), at + len(data)) + bytes(16)
        data += content
    return head + table + data


def linux(sections):
    """The same for Linux."""
    names, data, headers = b"\0", bytes(64), [bytes(64)]
    for name, content in [*sections, (b".shstrtab", None)]:
        start = len(names)
        names += name + b"\0"
        content = names if content is None else content
        headers.append(struct.pack("<IIQQQQ", start, 1, 0, 0, len(data), len(content)) + bytes(24))
        data += content
    head = b"\x7fELF\x02\x01" + bytes(34) + struct.pack("<Q", len(data)) + bytes(10) + struct.pack("<HHH", 64, len(headers), len(headers) - 1)
    return head + data[len(head) :] + b"".join(headers)


class Look(unittest.TestCase):
    def test_a_program_of_either_system_says_what_it_is_made_of(self):
        for made in (windows, linux):
            self.assertEqual(release_look.made_of(made([(b".text", b"code"), (b".dep-v0", LIST)])), PACKAGES, made.__name__)
            # Filled up, as linkers do.
            self.assertEqual(release_look.made_of(made([(b".dep-v0", LIST + bytes(100))])), PACKAGES, made.__name__)
            self.assertEqual(release_look.made_of(made([(b".text", b"code")])), [], made.__name__)

    def test_a_document_of_an_image_that_lacks_something_is_a_fault(self):
        carried = [{"name": "bytes", "version": "1.10.1", "source": "crates.io"}, {"name": "cc", "version": "1.2.0", "source": "crates.io", "kind": "build"}]
        program = linux([(b".dep-v0", zlib.compress(json.dumps({"packages": [*PACKAGES, *carried]}).encode()))])

        def package(name, version, **more):
            return {"SPDXID": f"SPDXRef-{'crate-' if name in ('bytes', 'tokio') else ''}{name}", "name": name, "versionInfo": version, "licenseDeclared": "MIT", **more}

        image = package("image", "0.1.0", externalRefs=[{"referenceLocator": "pkg:oci/backup-operator@sha256%3A00ff"}])
        operator = package("operator", "0.1.0", checksums=[{"checksumValue": hashlib.sha256(program).hexdigest()}])
        others = {one["name"]: one for one in (package("bytes", "1.10.1"), package("libc6-dev-arm64-cross", "2.36"), package("rust", "1.95.0"))}
        for changed, fault in (
            ({}, None),
            ({"bytes": package("bytes", "1.10.0")}, "programs carry each of 1 crates that SPDX lists ['bytes 1.10.0']"),
            ({"tokio": package("tokio", "1.0.0")}, "programs carry each of 2 crates that SPDX lists ['tokio 1.0.0']"),
            ({"bytes": None}, "programs carry each of 0 crates that SPDX lists "),
            ({"bytes": package("bytes", "1.10.1", licenseDeclared="NOASSERTION")}, "SPDX has a licence of each of 5 packages ['bytes']"),
            ({"libc6-dev-arm64-cross": None}, "SPDX lists what every program was linked with []"),
            ({"rust": None}, "SPDX lists what every program was linked with ['libc6-dev-arm64-cross']"),
            ({"image": package("image", "0.1.0", externalRefs=[{"referenceLocator": "pkg:oci/backup-operator@sha256%3A00"}])}, "SPDX names the image by its digest"),
            ({"operator": package("operator", "0.1.0", checksums=[{"checksumValue": "00"}])}, "SPDX names each program by its hash"),
        ):
            packages = {"image": image, "operator": operator, **others, **changed}
            with tempfile.TemporaryDirectory() as folder:
                with open(os.path.join(folder, "image-linux-arm64.spdx.json"), "w") as file:
                    json.dump({"packages": [one for one in packages.values() if one]}, file)
                release = release_look.Release(folder, "0.1.0")
                with contextlib.redirect_stdout(io.StringIO()):
                    release.spdx("linux-arm64", "sha256:00ff", {"operator": program})
            self.assertEqual(release.faults, [f"linux-arm64: {fault}"] if fault else [], changed)

    def test_a_program_that_asks_for_an_interpreter_is_no_static_one(self):
        """It starts on the machine of whoever looks, and not in an image that holds programs and licences alone."""
        for types, asks in (([], False), ([6, 1, 2], False), ([6, 3, 1], True)):
            headers = b"".join(struct.pack("<I", kind) + bytes(52) for kind in types)
            head = b"\x7fELF\x02\x01" + bytes(26) + struct.pack("<Q", 64) + bytes(14) + struct.pack("<HH", 56, len(types)) + bytes(6)
            self.assertEqual((len(head), release_look.interpreted(head + headers)), (64, asks), types)
        self.assertFalse(release_look.interpreted(windows([(b".text", b"code")])))
        self.assertFalse(release_look.interpreted(linux([(b".text", b"code")])))

    def test_a_document_of_the_command_line_that_its_program_does_not_bear_out_is_a_fault(self):
        program = {("bytes", "1.10.1"), ("cc", "1.2.0")}
        more = [{"bom-ref": one, "name": one, "version": "1"} for one in release_look.LINKED]

        def listed(*crates):
            return [{"bom-ref": f"registry+{name}", "name": name, "version": version} for name, version in crates]

        for components, carried, fault in (
            (listed(("bytes", "1.10.1")), program, None),
            (listed(("bytes", "1.10.0")), program, "carries each of 1 crates that its CycloneDX lists ['bytes 1.10.0']"),
            ([], program, "carries each of 0 crates that its CycloneDX lists "),
            ([], set(), None),  # no program for x86-64 is there to ask
        ):
            own = {"bom-ref": "own", "name": "kubectl-backup", "version": "0.1.0"}
            document = {"metadata": {"component": own}, "components": [*components, *more], "dependencies": []}
            with tempfile.TemporaryDirectory() as folder:
                with open(os.path.join(folder, "sbom-kubectl-backup-0.1.0.cdx.json"), "w") as file:
                    json.dump(document, file)
                release = release_look.Release(folder, "0.1.0")
                release.cli_of_amd64 = carried
                with contextlib.redirect_stdout(io.StringIO()):
                    release.cyclonedx()
            self.assertEqual(release.faults, [f"kubectl-backup for x86-64 {fault}"] if fault else [], components)

    def test_a_program_says_whether_rust_linked_it(self):
        for comment, by_rust in ((b"rustc version 1.95.0\0Linker: LLD 22.1.2\0", True), (b"GCC: (Debian 12.2.0-14)\0", False)):
            self.assertEqual(release_look.linked_by_rust(linux([(b".comment", comment)])), by_rust)
        self.assertFalse(release_look.linked_by_rust(linux([(b".text", b"code")])))

    def test_a_file_that_is_missing_or_too_many_is_a_fault(self):
        names = release_look.names("0.1.0", ["linux-amd64"], [])
        self.assertNotIn("backup.yaml", names)
        self.assertNotIn("image-linux-arm64.spdx.json", names)
        given = {"version": "0.1.0", "platforms": "linux-amd64", "cli": ""}
        statement = json.dumps({"predicate": {"buildDefinition": {"externalParameters": given}}})
        for change, fault in ((set(), False), ({"store.yaml"}, True), ({"added"}, True)):
            with tempfile.TemporaryDirectory() as folder:
                for name in names ^ change:
                    with open(os.path.join(folder, name), "w") as file:
                        file.write(statement)
                release = release_look.Release(folder, "0.1.0")
                with contextlib.redirect_stdout(io.StringIO()):
                    release.whole()
            self.assertEqual(bool(release.faults), fault, (change, release.faults))

    def test_what_runs_another_image_than_the_one_that_is_signed_is_a_fault(self):
        digest, other = "sha256:" + "0" * 64, "sha256:" + "1" * 64
        image = f"registry.example/o@{digest}"
        run, foreign = f"image: {image}\n", "  - image: registry.example/other:1\n"
        kind = "kind: CustomResourceDefinition\nspec:\n  image:\n    type: string\n"
        told = f"        - name: AGENT_IMAGE\n          value: {image}\n"
        hook = "kind: ValidatingWebhookConfiguration\n"
        csv = f"  name: backup-operator.v0.1.0\n    alm-examples: |-\n      [\n        [\n        ]\n          \"image\": \"postgres:15\"\n      ]\n  version: 0.1.0\n{run}{told}"
        values = f"repository: registry.example/o\ndigest: {digest}\n"
        good = {"install.yaml": f"{run}{told}---\n{kind}---\n{hook}", "store.yaml": run, "crds.yaml": kind, "operator.clusterserviceversion.yaml": csv, "values.yaml": values}
        good |= {"admission.yaml": hook, "runs.crd.yaml": kind, "Chart.yaml": f"version: 0.1.0\nappVersion: 0.1.0\nannotations:\n  artifacthub.io/images: |\n    - name: o\n      image: {image}\n"}
        changes = [{name: good[name].replace(digest, other)} for name in ("install.yaml", "store.yaml", "operator.clusterserviceversion.yaml", "values.yaml")]
        changes += [{name: good[name] + foreign} for name in ("install.yaml", "store.yaml", "operator.clusterserviceversion.yaml", "admission.yaml")]
        changes += [{"crds.yaml": ""}, {"install.yaml": f"{run}{told}---\n{hook}"}, {"chart": b"another"}]
        # What runs in the Pods of users is told by a variable; and YAML has two styles.
        changes += [{name: good[name].replace(told, told.replace(image, "evil.example/agent:1"))} for name in ("install.yaml", "operator.clusterserviceversion.yaml")]
        changes += [{"install.yaml": good["install.yaml"] + '      initContainers: [{name: miner, image: "evil.example/miner:1"}]\n'}]
        changes += [{"Chart.yaml": good["Chart.yaml"].replace(image, "evil.example/o:1")}, {"Chart.yaml": good["Chart.yaml"].replace("0.1.0", "7.7.7", 1)}]
        changes += [{"operator.clusterserviceversion.yaml": csv.replace("version: 0.1.0", "version: 7.7.7")}]
        changes += [{"admission.yaml": text} for text in ("", hook + "failurePolicy: Sometimes\n", "}{ not yaml")]
        for change in ({}, *changes):
            texts = {**good, **change}
            with tempfile.TemporaryDirectory() as folder:
                bundle = ("operator.clusterserviceversion.yaml", "admission.yaml", "runs.crd.yaml")
                for archive, inside in (("backup-operator-0.1.0.tgz", {f"backup-operator/{name}": texts[name] for name in ("values.yaml", "Chart.yaml")}), ("backup-operator-olm-0.1.0.tar.gz", {name: texts[name] for name in bundle})):
                    with tarfile.open(os.path.join(folder, archive), "w:gz") as made:
                        for path, content in inside.items():
                            member = tarfile.TarInfo(path)
                            member.size = len(content)
                            made.addfile(member, io.BytesIO(content.encode()))
                for file in ("install.yaml", "store.yaml", "crds.yaml"):
                    with open(os.path.join(folder, file), "w") as out:
                        out.write(texts[file])
                release = release_look.Release(folder, "0.1.0")
                chart = texts.get("chart", release.read("backup-operator-0.1.0.tgz"))
                with (
                    contextlib.redirect_stdout(io.StringIO()),
                    unittest.mock.patch.object(release_look, "Layout", lambda _: unittest.mock.Mock(strays=list)),
                    unittest.mock.patch.object(release_look.release_layout, "chart", lambda _, chart=chart: chart),
                ):
                    release.manifests(image)
            # What is no longer as a document of install.yaml may be two faults.
            self.assertEqual(bool(release.faults), bool(change), (change, release.faults))

    def test_a_sum_that_is_wrong_or_missing_is_a_fault(self):
        with tempfile.TemporaryDirectory() as folder:
            image = {"critical": {"identity": {"docker-reference": "registry.example/o"}, "image": {"docker-manifest-digest": "sha256:00ff"}}}
            files = {"install.yaml": b"1", "image.json": json.dumps(image).encode()}
            sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
            subjects = [{"name": name, "digest": {"sha256": sha256}} for name, sha256 in {**sums, "registry.example/o": "00ff"}.items()]

            def stated(subjects):
                statement = json.dumps({"subject": subjects}).encode()
                named = {**sums, "provenance.json": hashlib.sha256(statement).hexdigest()}
                return {"provenance.json": statement, "SHA256SUMS": "".join(f"{sha256}  {name}\n" for name, sha256 in named.items()).encode()}

            files |= stated(subjects)
            more = {"name": "more", "digest": {"sha256": "00"}}
            for change, faults in (({}, 0), (stated([*subjects, more]), 1), (stated([*subjects, subjects[0]]), 1), (stated(subjects[:-1]), 1), ({"install.yaml": b"2"}, 2), ({"added": b""}, 2)):
                for name, data in {**files, **change}.items():
                    with open(os.path.join(folder, name), "wb") as file:
                        file.write(data)
                release = release_look.Release(folder, "0.1.0")
                with contextlib.redirect_stdout(io.StringIO()):
                    release.hashes()
                self.assertEqual(len(release.faults), faults, (change, release.faults))


if __name__ == "__main__":
    unittest.main()
