"""Going on from a checkpoint is the same as having read everything, and nothing but a whole checkpoint is believed."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.manager_limits import DAY_NS, LIMITS, NOON_NS, SECOND_NS
from fakes.results import result
from hypothesis import given
from hypothesis import strategies as st

from pipeline.system_manager.checkpoint import BYTES_MAX, FORM, Checkpoint, CheckpointFile
from pipeline.system_manager.rules import Limits, Rules
from quote_core.bus.follow import Place
from quote_core.events import ExecutionResult, Outcome


def rules(*, since_unix_ns: int = NOON_NS, limits: Limits = LIMITS) -> Rules:
    return Rules(limits, since_unix_ns=since_unix_ns)


def recalled(results: list[ExecutionResult], into: Rules) -> Rules:
    for each in results:
        into.recall(each)
    return into


def checkpoint(of: Rules, *, sequence: int = 1) -> Checkpoint:
    return Checkpoint(place=Place("2026-01-01", sequence), event_id="00", count=sequence, money=of.money())


def reread(kept: Checkpoint) -> Checkpoint:
    return FORM.decode(FORM.encode(kept))


outcomes = st.sampled_from(Outcome)
traded = st.lists(
    st.builds(
        lambda profit, outcome, at_s: result(profit, outcome=outcome, finished_unix_ns=NOON_NS + at_s * SECOND_NS),
        st.integers(-3_000, 3_000),
        outcomes,
        st.integers(-200_000, 200_000),
    ),
    max_size=40,
)


@given(traded, st.integers(0, 40), st.sampled_from([NOON_NS - DAY_NS, NOON_NS, NOON_NS + 3_600 * SECOND_NS]))
def test_going_on_from_a_checkpoint_is_the_same_as_reading_everything(
    results: list[ExecutionResult], cut: int, since_unix_ns: int
) -> None:
    whole = recalled(results, rules(since_unix_ns=since_unix_ns))
    kept = reread(checkpoint(recalled(results[:cut], rules(since_unix_ns=since_unix_ns))))
    resumed = rules(since_unix_ns=since_unix_ns)
    assert resumed.resume(kept.money) == ""
    recalled(results[cut:], resumed)
    assert resumed.money() == whole.money()
    now_unix_ns = NOON_NS + 100_000 * SECOND_NS
    assert resumed.judge_recalled(now_unix_ns) == whole.judge_recalled(now_unix_ns)


@given(traded, st.integers(0, 40))
def test_a_checkpoint_of_before_a_release_is_rearmed_or_refused(results: list[ExecutionResult], cut: int) -> None:
    whole = recalled(results, rules(since_unix_ns=NOON_NS))
    kept = checkpoint(recalled(results[:cut], rules(since_unix_ns=NOON_NS - DAY_NS)))
    resumed = rules(since_unix_ns=NOON_NS)
    has_later = any(each.finished_unix_ns >= NOON_NS for each in results[:cut])
    reason = resumed.resume(kept.money)
    assert bool(reason) == has_later
    if reason:
        assert resumed.money() == rules(since_unix_ns=NOON_NS).money()
    else:
        assert recalled(results[cut:], resumed).money() == whole.money()


def test_other_limits_refuse_a_checkpoint_that_was_counted_by_them() -> None:
    kept = checkpoint(recalled([result(5)], rules())).money
    assert "window" in rules(limits=replace(LIMITS, failed_window_ns=1)).resume(kept)
    assert "capital" in rules(limits=replace(LIMITS, capital_lamports=1)).resume(kept)


def test_failures_of_a_week_are_no_run_of_failures() -> None:
    """More than are told apart, one in ten minutes: a manager that read them at its start halted trading."""
    failures = [
        result(outcome=Outcome.FAILED, finished_unix_ns=NOON_NS + number * 600 * SECOND_NS) for number in range(2_000)
    ]
    judged = rules(limits=replace(LIMITS, success_within_ns=0))
    assert recalled(failures, judged).judge_recalled(failures[-1].finished_unix_ns) is None


def test_a_file_holds_what_was_saved_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "checkpoint"
    assert CheckpointFile(path).load() is None
    failures = [result(outcome=Outcome.FAILED, finished_unix_ns=NOON_NS + number) for number in range(3_000)]
    kept = checkpoint(recalled(failures, rules()))
    assert CheckpointFile(path).save(kept)
    assert CheckpointFile(path).load() == kept
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size < BYTES_MAX
    assert [entry.name for entry in path.parent.iterdir()] == ["checkpoint"]


def test_a_link_to_a_checkpoint_is_none(tmp_path: Path) -> None:
    CheckpointFile(tmp_path / "real").save(checkpoint(rules()))
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert CheckpointFile(tmp_path / "link").load() is None


def test_a_damaged_file_is_set_aside_and_the_next_checkpoint_takes_its_place(tmp_path: Path) -> None:
    path, aside = tmp_path / "checkpoint", tmp_path / "checkpoint.refused"
    for content in (b"once", b"twice"):
        path.write_bytes(content)
        path.chmod(0o600)
        assert CheckpointFile(path).load() is None
        assert (path.exists(), aside.read_bytes()) == (False, content)
    kept = checkpoint(rules())
    assert CheckpointFile(path).save(kept)
    assert CheckpointFile(path).load() == kept


def test_one_that_is_longer_than_would_be_read_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = checkpoint(rules())
    file = CheckpointFile(tmp_path / "checkpoint")
    assert file.save(kept)
    monkeypatch.setattr("pipeline.system_manager.checkpoint.FORM", replace(FORM, bytes_max=100))
    assert not CheckpointFile(tmp_path / "checkpoint").save(replace(kept, count=2))
    assert file.load() == kept


def test_a_disk_that_takes_nothing_is_survived(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert not CheckpointFile(tmp_path / "file" / "checkpoint").save(checkpoint(rules()))


def sealed(body: bytes, *, version: bytes = b"2") -> bytes:
    return b"solquote-checkpoint " + version + b" " + hashlib.sha256(body).hexdigest().encode() + b"\n" + body + b"\n"


BODY = FORM.encode(checkpoint(recalled([result(5)], rules()))).split(b"\n")[1]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no checkpoint"),
        (b"\n\n", "no checkpoint"),
        (sealed(BODY, version=b"1"), "version"),
        (sealed(BODY).replace(b":5,", b":6,", 1), "checksum"),
        (sealed(BODY) + b"x" * BYTES_MAX, "longer"),
        (sealed(b"[]"), "kind"),
        (sealed(b"{}"), "missing"),
        (sealed(b"[" * 100_000), "kind"),
        (sealed(BODY.replace(b'"sequence":1', b'"sequence":true')), "kind"),
        (sealed(BODY.replace(b'"sequence":1', b'"sequence":' + b"9" * 200)), "kind"),
        (sealed(BODY.replace(b'"filled_count":1,', b"")), "kind"),
        (sealed(BODY.replace(b'"failed":[]', b'"failed":[' + b"[1,1]," * 1_000 + b"[1,1]]")), "failures"),
    ],
)
def test_what_is_no_whole_checkpoint_is_refused(content: bytes, why: str) -> None:
    assert FORM.decode(sealed(BODY))
    with pytest.raises(ValueError, match=why):
        FORM.decode(content)


@given(st.integers(0, len(sealed(BODY)) - 1), st.integers(1, 255))
def test_no_changed_byte_is_believed(index: int, flip: int) -> None:
    content = bytearray(sealed(BODY))
    content[index] ^= flip
    if index < len(content) - 1:  # the last newline says nothing
        with pytest.raises(ValueError, match="it"):
            FORM.decode(bytes(content))
