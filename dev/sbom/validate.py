"""validate.py FILE...: holds SBOMs against their formats, by the libraries of those who make the formats: CycloneDX's own, and SPDX's; and what the
formats leave open, expressions of licences and names of packages (purl), by those that read them.

A library that takes everything would say that all is well, so each rule is first shown one file that breaks it.
"""
import functools
import json
import logging
import sys
import tempfile

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from license_expression import ExpressionError, get_spdx_licensing
from packageurl import PackageURL
from spdx_tools.spdx.parser.error import SPDXParsingError
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

# It also prints what it returns.
logging.disable(logging.CRITICAL)
# Reading the schema takes longer than holding a file against it.
schema = functools.cache(JsonStrictValidator)
licensing = get_spdx_licensing()


def once(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(f"a key is there twice, of {sorted(name for name, _ in pairs)}")
    return found


def purl(text):
    try:
        PackageURL.from_string(text)
    except ValueError as fault:
        return [f"{text!r} is no purl: {fault}"]
    return []


def licence(text):
    try:
        licensing.parse(text, validate=True)
    except ExpressionError as fault:
        return [f"{text!r} is no licence: {fault}"]
    return []


def cyclonedx(text, bill):
    if bill.get("specVersion") != "1.5":
        return [f"it is CycloneDX {bill.get('specVersion')}, and not 1.5"]
    fault = schema(SchemaVersion.V1_5).validate_str(text)
    if fault is not None:
        return [str(fault)]
    components = [bill["metadata"]["component"], *bill["components"]]
    refs = [one["bom-ref"] for one in components]
    faults = [f"{ref} is there twice" for ref in sorted({ref for ref in refs if refs.count(ref) > 1})]
    for one in components:
        faults += purl(one["purl"]) if "purl" in one else [f"{one['name']} has no purl"]
        for said in one.get("licenses", []):
            faults += licence(said["expression"]) if "expression" in said else []
    return faults


def spdx(text, bill):
    if bill.get("spdxVersion") != "SPDX-2.3":
        return [f"it is {bill.get('spdxVersion')}, and not SPDX-2.3"]
    with tempfile.NamedTemporaryFile("w", suffix=".spdx.json") as file:
        file.write(text)
        file.flush()
        try:
            faults = [fault.validation_message for fault in validate_full_spdx_document(parse_file(file.name))]
        except SPDXParsingError as fault:
            return fault.get_messages()
    for one in bill["packages"]:
        for of in one.get("externalRefs", []):
            faults += purl(of["referenceLocator"]) if of["referenceType"] == "purl" else []
    return faults


def faults(text):
    try:
        bill = json.loads(text, object_pairs_hook=once)
        return spdx(text, bill) if "spdxVersion" in bill else cyclonedx(text, bill)
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        return [f"it cannot be read: {fault!r}"]


def wrong(text):
    """The same, each with one fault."""
    bill = json.loads(text)
    packages = bill["packages"] if "spdxVersion" in bill else bill["components"]
    one, other = packages[0], packages[1]

    def with_fault(of, **change):
        kept = dict(of)
        of.update(change)
        changed = json.dumps(bill)
        of.clear()
        of.update(kept)
        return changed

    if "spdxVersion" in bill:
        yield "a licence that is none", with_fault(one, licenseDeclared="of my own")
        yield "a version that is another", with_fault(bill, spdxVersion="SPDX-2.2")
        yield "no place that a package is from", with_fault(one, downloadLocation=None)
        yield "a purl that is none", with_fault(one, externalRefs=[{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "garbage"}])
    else:
        yield "a licence that is none", with_fault(one, licenses=[{"expression": "of my own"}])
        yield "a version that is another", with_fault(bill, specVersion="1.6")
        yield "a type that there is not", with_fault(one, type="thing")
        yield "a purl that is none", with_fault(one, purl="garbage")
        yield "one reference for two", with_fault(one, **{"bom-ref": other["bom-ref"]})
    yield "a key that is there twice", text.replace("{", '{"name": "a", "name": "b",', 1)


def main(files):
    found, tried = [], set()
    for name in files:
        with open(name) as file:
            text = file.read()
        found += [f"{name}: {fault}" for fault in faults(text)]
        if (kind := name.rsplit(".", 2)[1]) not in tried and not found:
            tried.add(kind)
            found += [f"{name}: {what} is not seen: nothing is known of these files" for what, broken in wrong(text) if not faults(broken)]
    for one in found:
        print(one, file=sys.stderr)
    return 1 if found or not files else 0


sys.exit(main(sys.argv[1:]))
