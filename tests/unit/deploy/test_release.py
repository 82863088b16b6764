"""The release workflow is one, and builds wheels for every Python that the package promises."""

import re
import sys
import tomllib
from pathlib import Path

from fakes.deployed import ROOT, run_checker
from fakes.go_tools import go_tool

WORKFLOW = ROOT / ".github" / "workflows" / "release.yml"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_it_fits_the_schema_of_workflows():
    checker = Path(sys.executable).parent / "check-jsonschema"
    run_checker(checker, "--builtin-schema", "vendor.github-workflows", WORKFLOW)


def test_actionlint_has_nothing_against_it():
    run_checker(go_tool("actionlint"), WORKFLOW)


def test_wheels_are_built_for_every_python_that_is_promised():
    promised = re.findall(r"Python :: 3\.(\d+)'", str(PROJECT["project"]["classifiers"]))
    assert PROJECT["tool"]["cibuildwheel"]["build"] == [f"cp3{minor}-manylinux_*" for minor in promised]
