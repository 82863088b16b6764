"""What https://www.speedscope.app demands of a file before it shows anything, from its published schema."""

from typing import Any

import pytest


def check_speedscope(document: Any) -> None:
    """Fail unless this is a file of sampled profiles."""
    assert document["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    assert set(document) <= {"$schema", "shared", "profiles", "name", "activeProfileIndex", "exporter"}
    frames, profiles = document["shared"]["frames"], document["profiles"]
    for frame in frames:
        assert set(frame) <= {"name", "file", "line", "col"}
        assert isinstance(frame["name"], str)
        assert isinstance(frame["file"], str)
        assert isinstance(frame["line"], int)
    assert document["activeProfileIndex"] in range(len(profiles))
    for profile in profiles:
        assert set(profile) == {"type", "name", "unit", "startValue", "endValue", "samples", "weights"}
        assert (profile["type"], profile["unit"]) == ("sampled", "seconds")
        assert len(profile["samples"]) == len(profile["weights"])
        assert all(weight >= 0 for weight in profile["weights"])
        assert sum(profile["weights"]) == pytest.approx(profile["endValue"] - profile["startValue"])
        assert all(index in range(len(frames)) for stack in profile["samples"] for index in stack)


def functions_of(document: Any, *, profile_index: int = 0) -> list[set[str]]:
    """The names in each stack of one of the profiles."""
    names = [frame["name"] for frame in document["shared"]["frames"]]
    return [{names[index] for index in stack} for stack in document["profiles"][profile_index]["samples"]]
