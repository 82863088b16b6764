"""The rules of docs/event-evolution.md: each is held, the schemas of the last release are kept to, and flatc agrees."""

import importlib.util
import json
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("events_baseline", ROOT / "proto" / "events_baseline.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CHECK = loaded()
RELEASED = """
namespace x;
struct Id { bytes:[ubyte:16]; number:ulong; }
enum Way : ubyte { In = 0, Out = 1 }
table One { id:Id; amount:ulong; way:Way; name:string; }
table Two { counts:[ulong]; }
union Body { One, Two }
table Root { id:Id (required); body:Body (required); }
file_identifier "SQXX";
root_type Root;
"""
KEPT = {
    "a field at a table's end": ("name:string; }", "name:string; more:Id; }"),
    "a member at a union's end": (
        "union Body { One, Two }",
        "table Three { x:ulong; }\nunion Body { One, Two, Three }",
    ),
    "a new number": ("Out = 1 }", "Out = 1, Through = 2 }"),
    "a comment": ("table Two {", "// Twice.\ntable Two {"),
}
BROKEN = {
    "a struct grows": ("number:ulong; }", "number:ulong; other:ulong; }", "struct Id has changed"),
    "a field's type changes": ("amount:ulong", "amount:uint", "field 1 was amount (ulong), is amount (uint)"),
    "a field goes": ("amount:ulong; ", "", "field 1 was amount (ulong), is way (Way)"),
    "the last field goes": (" name:string;", "", "field name is gone"),
    "fields change places": ("amount:ulong; way:Way;", "way:Way; amount:ulong;", "field 1 was amount"),
    "a union's members change places": ("{ One, Two }", "{ Two, One }", "member 0 was One (1), is Two (1)"),
    "a number is another's": ("In = 0, Out = 1", "Out = 0, In = 1", "0 was In, is Out"),
}
OURS_ALONE = {
    "a file identifier changes": ("SQXX", "SQYY", "its file identifier was SQXX, is SQYY"),
    "a new field is required": ("[ulong]; }", "[ulong]; id:Id (required); }", "id is new and required"),
    "an enum's type changes": ("Way : ubyte", "Way : ushort", "was of ubyte, is of ushort"),
}


def found(tmp_path: Path, text: str) -> list[str]:
    for name, content in (("before", RELEASED), ("after", text)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.fbs").write_text(content)
    return list(CHECK.breaks(CHECK.read_schemas(tmp_path / "before"), CHECK.read_schemas(tmp_path / "after")))


def changed(old: str, new: str) -> str:
    assert RELEASED.count(old) == 1
    return RELEASED.replace(old, new)


def conforms(tmp_path: Path) -> bool:
    """What flatc says, which knows most of the rules."""
    flatc = shutil.which("flatc")
    if flatc is None:
        pytest.skip("no flatc here; what it says of the same change is not asked")
    before, after = tmp_path / "before" / "x.fbs", tmp_path / "after" / "x.fbs"
    return subprocess.run([flatc, "--conform", before, after], check=False, capture_output=True).returncode == 0


def test_the_schemas_are_an_evolution_of_those_of_the_last_release() -> None:
    released = json.loads(CHECK.BASELINE.read_text())
    assert list(CHECK.breaks(released, CHECK.read_schemas(ROOT / "proto" / "events"))) == []
    assert set(released["file_identifier"].values()) >= {"SQOP", "SQPL", "SQEX", "SQME", "SQSY", "SQMK"}


@pytest.mark.parametrize(("old", "new"), KEPT.values(), ids=KEPT)
def test_what_the_rules_allow_passes(tmp_path: Path, old: str, new: str) -> None:
    assert found(tmp_path, changed(old, new)) == []


@pytest.mark.parametrize(("old", "new", "sentence"), (BROKEN | OURS_ALONE).values(), ids=BROKEN | OURS_ALONE)
def test_what_they_forbid_is_named(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    assert sentence in "\n".join(found(tmp_path, changed(old, new)))


def test_a_table_that_is_gone_is_named(tmp_path: Path) -> None:
    text = changed("table Two { counts:[ulong]; }\n", "").replace("One, Two", "One")
    assert found(tmp_path, text) == ["table Two is gone", "union Body: member Two is gone"]


@pytest.mark.parametrize(("old", "new"), KEPT.values(), ids=KEPT)
def test_flatc_allows_the_same(tmp_path: Path, old: str, new: str) -> None:
    found(tmp_path, changed(old, new))
    assert conforms(tmp_path)


def test_flatc_sees_a_type_that_changed_too(tmp_path: Path) -> None:
    found(tmp_path, changed("amount:ulong", "amount:uint"))
    assert not conforms(tmp_path)


@pytest.mark.parametrize("text", ["tabel X { a:uint; }", "table X { a uint; }", "enum E : ubyte { A = x }"])
def test_what_is_not_understood_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(CHECK.SchemaError, match="not understood"):
        found(tmp_path, text)


def test_a_name_declared_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CHECK.SchemaError, match="declared twice"):
        found(tmp_path, RELEASED + "struct One { a:uint; }")
