"""Prints a bill of materials, as CycloneDX 1.6 in JSON: what an environment or an image has.

    python scripts/sbom.py --name parakeet-cpu --python .venv/bin/python > sbom.cdx.json

It names each distribution of the given Pythons, and each package of a list of dpkg's
(--debian /var/lib/dpkg/status). The same contents give the same bytes. It imports the standard
library alone, so that an image's build can run it.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

Component = dict[str, Any]
# purl's types: https://github.com/package-url/purl-spec/blob/main/PURL-TYPES.rst
SITE = (
    "import sysconfig; print(sysconfig.get_path('purelib')); print(sysconfig.get_path('platlib'))"
)


def python_components(python: str) -> Iterator[Component]:
    """A component for each distribution that the interpreter has of its own."""
    done = subprocess.run([python, "-I", "-c", SITE], stdout=subprocess.PIPE, text=True, check=True)
    for dist in metadata.distributions(path=list(dict.fromkeys(done.stdout.split()))):
        name = re.sub(r"[-_.]+", "-", dist.metadata["Name"]).lower()
        yield _component(
            name, dist.version, f"pkg:pypi/{name}@{quote(dist.version)}", license_of(dist)
        )


def license_of(dist: metadata.Distribution) -> str:
    """As its metadata has it, in one line, or else as its classifiers; "" if nothing does."""
    named = [dist.metadata[x] for x in ("License-Expression", "License") if x in dist.metadata]
    expression = next(filter(None, named), "").strip()
    if expression and "\n" not in expression and len(expression) <= 80 and expression != "UNKNOWN":
        return expression
    classifiers = dist.metadata.get_all("Classifier") or []
    found = [one.rpartition(" :: ")[2] for one in classifiers if one.startswith("License ::")]
    # A whole text begins with its name: "MIT License".
    return " AND ".join(found) or (expression.splitlines() or [""])[0].strip()[:80]


def debian_components(status: Path) -> Iterator[Component]:
    """A component for each installed package of a file like /var/lib/dpkg/status."""
    for entry in status.read_text("utf-8").split("\n\n"):
        fields = dict(re.findall(r"^([\w-]+): (.*)$", entry, re.MULTILINE))
        if fields.get("Status") != "install ok installed":
            continue
        name, version = fields["Package"], fields["Version"]
        purl = (
            f"pkg:deb/debian/{quote(name)}@{quote(version, safe='')}?arch={fields['Architecture']}"
        )
        yield _component(name, version, purl)


def _component(name: str, version: str, purl: str, license_text: str = "") -> Component:
    component: Component = {"type": "library", "bom-ref": purl, "name": name, "version": version}
    if license_text:
        component["licenses"] = [{"license": {"name": license_text}}]
    return component | {"purl": purl}


def make_bill(name: str, version: str, components: Iterator[Component]) -> dict[str, Any]:
    """The document. What two environments of one image both have is in it once."""
    unique = {component["bom-ref"]: component for component in components}
    listed = [unique[reference] for reference in sorted(unique)]
    content = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([name, version, listed]))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{content}",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": name, "version": version}},
        "components": listed,
    }


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--name", required=True, help="what the bill is of")
    parser.add_argument("--python", action="append", default=[], help="an interpreter (repeatable)")
    parser.add_argument("--debian", type=Path, help="a file like /var/lib/dpkg/status")
    options = parser.parse_args(arguments)
    components = [one for python in options.python for one in python_components(python)]
    if options.debian:
        components += debian_components(options.debian)
    own = next((one["version"] for one in components if one["name"] == "parakeet-cli"), "0")
    print(json.dumps(make_bill(options.name, own, iter(components)), indent=1, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
