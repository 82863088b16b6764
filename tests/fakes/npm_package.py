"""An npm package for tests that run a client nobody here wrote, installed once into the temporary folder."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import pytest

_INSTALL_S: Final = 120.0


def npm_folder(name: str, version: str) -> Path:
    """A folder in which Node finds the package; skips the test where there is no Node, or no way to the registry."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Node and npm are not installed")
    cache = Path(tempfile.gettempdir()) / f"solquote-npm-{os.getuid()}"
    cache.mkdir(mode=0o700, exist_ok=True)
    assert cache.stat().st_uid == os.getuid(), f"{cache} is another user's; programs in it are not run"
    assert not cache.stat().st_mode & 0o022, f"{cache} may be written by others; programs in it are not run"
    folder = cache / f"{name.replace('/', '-')}-{version}"
    done = folder / "installed"
    if not done.exists():
        folder.mkdir(exist_ok=True)
        command = [npm, "install", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund"]
        try:
            installed = subprocess.run(
                [*command, f"{name}@{version}"], capture_output=True, text=True, timeout=_INSTALL_S, check=False
            )
        except subprocess.TimeoutExpired:
            pytest.skip(f"npm did not install {name} within {_INSTALL_S:.0f} s")
        if installed.returncode:
            pytest.skip(f"npm cannot install {name}: {installed.stderr.strip()[-300:]}")
        done.touch()
    return folder
