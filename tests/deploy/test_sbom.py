"""`make sbom`: the bill of materials names all that a node runs, with the hash of each, and nothing that only tests use."""

import json
import re
import subprocess
from pathlib import Path

from tests.deploy.programs import ROOT

PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)


def test_the_bill_of_materials_lists_every_pinned_package_with_its_hashes(tmp_path: Path) -> None:
    file = tmp_path / "huntgroup.cdx.json"
    subprocess.run(["make", "-o", ".venv/.dev", "sbom", f"SBOM={file}"], cwd=ROOT, check=True, capture_output=True)
    bill = json.loads(file.read_text("utf-8"))
    listed = {(one["name"].lower(), one["version"]) for one in bill["components"]}
    pinned = {(name.lower(), version) for name, version in PINNED.findall((ROOT / "requirements/run.txt").read_text())}

    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "huntgroup")
    assert listed == pinned
    assert all(one["purl"].startswith("pkg:pypi/") for one in bill["components"])
    assert "sha256" in json.dumps(bill["components"][0])
