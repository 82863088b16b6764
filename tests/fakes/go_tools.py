"""Programs in Go that tests ask (`grpcurl`, `ghz`, `kustomize`, ...), built once into a cache in the temporary folder.

No Go, no way to the module proxy, or a machine too slow: the test is skipped and says which. A build that was cut short
goes on where it stopped when it is asked for again, for Go keeps what it has compiled.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import pytest

_INSTALL_S: Final = 240.0
_GO: Final = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
_MODULES: Final = {
    "grpcurl": "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4",
    "ghz": "github.com/bojand/ghz/cmd/ghz@v0.93.0",
    "kustomize": "sigs.k8s.io/kustomize/kustomize/v5@v5.6.0",
    "actionlint": "github.com/rhysd/actionlint/cmd/actionlint@v1.7.7",
}


def go_tool(name: str) -> str:
    """The path of a program; skips the test where there can be none."""
    cache = Path(tempfile.gettempdir()) / f"solquote-go-tools-{os.getuid()}"
    cache.mkdir(mode=0o700, exist_ok=True)
    owner = cache.stat()
    assert owner.st_uid == os.getuid(), f"{cache} is another user's; programs in it are not run"
    assert not owner.st_mode & 0o022, f"{cache} may be written by others; programs in it are not run"
    folder = cache / _MODULES[name].rpartition("@")[2]
    program = folder / name
    if not program.exists():
        _install(name, folder, cache)
    return str(program)


def _install(name: str, folder: Path, cache: Path) -> None:
    module = _MODULES[name]
    if _GO is None:
        pytest.skip(f"Go is not installed, so {name} cannot be built")
    environment = os.environ | {
        "GOBIN": str(folder),
        "GOPATH": str(cache / "path"),
        "GOCACHE": str(cache / "build"),
        "GOFLAGS": "-modcacherw",  # so that the cache can be deleted like any folder
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
    }
    try:
        built = subprocess.run(
            [_GO, "install", "-ldflags=-s -w", module],
            env=environment,
            capture_output=True,
            text=True,
            timeout=_INSTALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"{module} could not be built within {_INSTALL_S:.0f} s; the next run goes on from there")
    if built.returncode:
        pytest.skip(f"{module} could not be built: {built.stderr.strip().splitlines()[-1]}")
