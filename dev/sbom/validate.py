"""validate.py FILE...: holds SBOMs against their formats, by the libraries of those who make the formats: CycloneDX's own, and SPDX's.

A library that takes everything would say that all is well, so each is first given one that is wrong.
"""
import functools
import json
import logging
import sys
import tempfile

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from spdx_tools.spdx.parser.error import SPDXParsingError
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

# It also prints what it returns.
logging.disable(logging.CRITICAL)


# Reading the schema takes longer than holding a file against it.
validator = functools.cache(JsonStrictValidator)


def cyclonedx(text):
    version = SchemaVersion.from_version(json.loads(text)["specVersion"])
    fault = validator(version).validate_str(text)
    return [] if fault is None else [str(fault)]


def spdx(text):
    with tempfile.NamedTemporaryFile("w", suffix=".spdx.json") as file:
        file.write(text)
        file.flush()
        try:
            return [fault.validation_message for fault in validate_full_spdx_document(parse_file(file.name))]
        except SPDXParsingError as fault:
            return fault.get_messages()


def wrong(text):
    """The same with an expression of licences that is none, in the first package."""
    bill = json.loads(text)
    if "spdxVersion" in bill:
        bill["packages"][0]["licenseDeclared"] = "of my own"
    else:
        bill["components"][0]["licenses"] = [{"expression": 7}]
    return json.dumps(bill)


def main(files):
    faults = []
    for name in files:
        with open(name) as file:
            text = file.read()
        read = spdx if name.endswith(".spdx.json") else cyclonedx
        if not read(wrong(text)):
            faults.append(f"{name}: a licence that is none is taken: nothing is known of it")
        faults += [f"{name}: {fault}" for fault in read(text)]
    print("\n".join(faults), file=sys.stderr)
    return 1 if faults or not files else 0


sys.exit(main(sys.argv[1:]))
