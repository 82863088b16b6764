"""Regenerate `src/quote_core/generated` from the contracts, or check that it is current.

protoc comes with the wheel grpcio-tools. flatc is not on PyPI: Debian's `flatbuffers-compiler` is what we use, and
only somebody who changes a `.fbs` needs it. So that a stale event module is noticed without flatc, the digest of
the schemas it was made from is kept beside it.

    python proto/generate.py           regenerate
    python proto/generate.py --check   exit 1 when anything differs
"""

import argparse
import filecmp
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path

ROOT = Path(__file__).resolve().parent
TARGET = ROOT.parent / "src" / "quote_core" / "generated"
SCHEMA_DIGEST = "SCHEMA_SHA256"


def main() -> int:
    """Generate into a scratch folder, then compare or install."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check_only = parser.parse_args().check
    with tempfile.TemporaryDirectory() as scratch_name:
        scratch = Path(scratch_name)
        protobufs(scratch)
        events_made = events(scratch)
        if check_only:
            return report(differences(scratch, events_made=events_made))
        if not events_made:
            print(
                "flatc is missing (Debian package flatbuffers-compiler); events were left as they are",
                file=sys.stderr,
            )
        install(scratch)
    return 0


def protobufs(scratch: Path) -> None:
    """Run protoc, and move its absolute imports below our own package."""
    protos = sorted(str(path.relative_to(ROOT)) for path in ROOT.rglob("*.proto"))
    well_known = resources.files("grpc_tools") / "_proto"
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", "-I", str(ROOT), "-I", str(well_known)]
        + [f"--{kind}_out={scratch}" for kind in ("python", "pyi", "grpc_python")]
        + protos,
        check=True,
        cwd=ROOT,
    )
    for path in [*scratch.rglob("*.py"), *scratch.rglob("*.pyi")]:
        text = path.read_text()
        path.write_text(re.sub(r"^from solquote\.", "from quote_core.generated.solquote.", text, flags=re.MULTILINE))
    packages(scratch / "solquote")


def events(scratch: Path) -> bool:
    """Run flatc where it is installed, and move its absolute imports below our own package; say whether it ran."""
    schemas = sorted(ROOT.glob("events/*.fbs"))
    flatc = shutil.which("flatc")
    if not schemas or flatc is None:
        return False
    out = scratch / "events"
    with tempfile.TemporaryDirectory() as raw:
        subprocess.run([flatc, "--python", "-o", raw, *map(str, schemas)], check=True)
        shutil.move(Path(raw) / "solquote" / "events", out)  # the namespace is solquote.events.v1
    for path in out.rglob("*.py"):
        path.write_text(path.read_text().replace("from solquote.events.", "from quote_core.generated.events."))
    (out / SCHEMA_DIGEST).write_text(schema_digest() + "\n")
    packages(out)
    return True


def schema_digest() -> str:
    """One digest over all event schemas."""
    digest = hashlib.sha256()
    for path in sorted(ROOT.glob("events/*.fbs")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def packages(folder: Path) -> None:
    """Make `folder` and all below it importable."""
    for directory in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
        (directory / "__init__.py").touch()


def differences(scratch: Path, *, events_made: bool) -> list[str]:
    """Name every generated file that is missing, extra or different."""
    found = []
    for name in ["solquote", *(["events"] if events_made else [])]:
        made = {path.relative_to(scratch) for path in (scratch / name).rglob("*") if path.is_file()}
        held = {
            path.relative_to(TARGET)
            for path in (TARGET / name).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        found += [str(path) for path in sorted(made ^ held)]
        found += [
            str(path) for path in sorted(made & held) if not filecmp.cmp(scratch / path, TARGET / path, shallow=False)
        ]
    held_digest = TARGET / "events" / SCHEMA_DIGEST
    if any(ROOT.glob("events/*.fbs")) and (
        not held_digest.exists() or held_digest.read_text().strip() != schema_digest()
    ):
        found.append("events (the schemas have changed)")
    return found


def report(found: list[str]) -> int:
    """Print what is stale."""
    for name in found:
        print(f"stale: quote_core/generated/{name}; run `make generate`", file=sys.stderr)
    return 1 if found else 0


def install(scratch: Path) -> None:
    """Replace the generated folders."""
    for folder in scratch.iterdir():
        shutil.rmtree(TARGET / folder.name, ignore_errors=True)
        shutil.copytree(folder, TARGET / folder.name)


if __name__ == "__main__":
    sys.exit(main())
