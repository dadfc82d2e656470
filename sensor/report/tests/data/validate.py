"""Holds a CycloneDX document on standard input against the schema of version 1.6, strictly. Exits with 1 and what is wrong."""

import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read())
if wrong:
    print(str(wrong)[:2000])
    sys.exit(1)
