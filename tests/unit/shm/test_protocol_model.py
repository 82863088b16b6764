"""The exhaustive model: what the protocol claims holds in every outcome, and each rule is there for a reason."""

import pytest
from prove.claims import CLAIMS, Claim
from prove.memory_model import Memory, Reader, Writer, outcomes
from prove.necessities import NECESSITIES, SPARE, Necessity
from prove.protocol_model import PROTOCOL


def message_passing(*, release: bool, acquire: bool) -> set[tuple[int, int]]:
    memory = Memory()
    writer = Writer(memory)
    writer.store("data", 1)
    writer.store("flag", 1, release=release)

    def program(reader: Reader) -> tuple[int, int]:
        return reader.load("flag", acquire=acquire), reader.load("data")

    return set(outcomes(memory, program))


def test_model_allows_and_forbids_what_c11_does_in_message_passing() -> None:
    assert message_passing(release=True, acquire=True) == {(0, 0), (0, 1), (1, 1)}
    assert message_passing(release=False, acquire=True) == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert message_passing(release=True, acquire=False) == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_model_reads_one_location_in_modification_order() -> None:
    memory = Memory()
    writer = Writer(memory)
    for value in (1, 2):
        writer.store("word", value)
    seen = set(outcomes(memory, lambda reader: (reader.load("word"), reader.load("word"))))
    assert seen == {(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)
def test_claim_holds_in_every_outcome(claim: Claim) -> None:
    verdict = claim(PROTOCOL)
    assert verdict.broken_by is None
    assert verdict.outcome_count > 10


@pytest.mark.parametrize(
    "necessity", NECESSITIES, ids=lambda necessity: "+".join(sorted(rule.name for rule in necessity.without))
)
def test_claim_breaks_without_the_rule(necessity: Necessity) -> None:
    assert necessity.claim((PROTOCOL - necessity.without) | necessity.instead).broken_by is not None
    assert necessity.claim(PROTOCOL - necessity.spared).broken_by is None


def test_every_rule_is_either_needed_or_known_to_be_spare() -> None:
    needed = {rule for necessity in NECESSITIES for rule in necessity.without - necessity.spared}
    assert needed | SPARE == PROTOCOL
    for claim in CLAIMS:
        assert claim(PROTOCOL - SPARE).broken_by is None
