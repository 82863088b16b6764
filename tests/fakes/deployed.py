"""What `deploy/` holds, as the tests of it read it."""

import functools
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import yaml
from fakes.go_tools import go_tool

__all__ = ["DEPLOY", "ROOT", "manifests", "pods", "run_checker"]

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
_CHECK_S: Final = 120.0


def run_checker(*command: str | Path) -> str:
    """Run a linter and return what it says; an exit code other than 0 is the test's failure."""
    ended = subprocess.run(
        [str(part) for part in command], cwd=ROOT, capture_output=True, text=True, timeout=_CHECK_S, check=False
    )
    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, said
    return said


@functools.cache
def manifests(overlay: str) -> list[dict[str, Any]]:
    """The objects that kustomize makes of a folder of `deploy/kubernetes`; skips where there is no kustomize."""
    if kubectl := shutil.which("kubectl"):
        command = [kubectl, "kustomize"]
    else:
        command = [shutil.which("kustomize") or go_tool("kustomize"), "build"]
    folder = DEPLOY / "kubernetes" / overlay
    made = subprocess.run([*command, str(folder)], capture_output=True, text=True, timeout=_CHECK_S, check=False)
    assert made.returncode == 0, made.stderr
    return list(yaml.safe_load_all(made.stdout))


def pods(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The pod templates among `objects`."""
    return [one["spec"]["template"] for one in objects if "template" in one.get("spec", {})]
