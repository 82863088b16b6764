"""What people are told is what was found."""

from pathlib import Path

from hostile.campaign import Campaign
from hostile.checker import Tally
from hostile.faults import FAULTS
from hostile.memory import MIB
from hostile.report import client_table, figures_table, load_tallies, save_tallies

ROOT = Path(__file__).parents[3]


def found() -> Campaign:
    campaign = Campaign()
    campaign.memory.warm_bytes = 90 * MIB
    campaign.tallies["healthy"] = Tally(asked_count=3)
    campaign.tallies["frozen"] = Tally(
        asked_count=8, asked_fresh_count=4, asked_stale_count=2, resident_bytes_max=93 * MIB, recovery_s_max=1.25
    )
    return campaign


def test_broken_promises_are_named_with_their_examples_and_what_memory_did():
    campaign = found()
    assert campaign.broken == []
    campaign.tallies["forks"] = Tally(dead_count=1, forks_unnoticed_count=2, examples=["a quote"])
    campaign.memory.first_round = [190 * MIB]
    assert campaign.broken[0] == "forks"
    assert campaign.broken[1].startswith("memory: grew by 100.0 MiB")
    table = figures_table(campaign)
    assert "forks: a quote" in table
    assert "forks: 2 forks were never noticed" in table


def test_memory_is_told_with_its_growth():
    line = next(line for line in figures_table(found()).splitlines() if line.startswith("frozen"))
    assert line.split()[-2:] == ["93.0", "3.0"]


def test_the_most_of_each_time_is_told():
    campaign = found()
    campaign.memory.first_round, campaign.memory.later = [91 * MIB, 93 * MIB, 92 * MIB], [94 * MIB]
    told = [line for line in figures_table(campaign).splitlines() if line.startswith("most MiB")]
    assert told == ["most MiB before the first fault: 90.0", "most MiB first round: 93.0", "most MiB later: 94.0"]


def test_what_was_kept_is_compared_by_fault(tmp_path: Path):
    save_tallies(found(), tmp_path / "one.json")
    one = load_tallies(tmp_path / "one.json")
    two = {"frozen": Tally(asked_count=4, asked_fresh_count=4, resident_bytes_max=95 * MIB)}
    rows = [line for line in client_table(one, two).splitlines() if not line.startswith(("| fault", "|--"))]
    assert rows == ["| frozen | 50 %, 25 %, 25 % | 1.2 s | 100 %, 0 %, 0 % | 0.0 s | 93, 95 |"]


def test_the_table_of_the_document_is_of_the_faults_there_are():
    table = (ROOT / "docs" / "hostile.md").read_text().partition("| fault |")[2].partition("\n\n")[0]
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:]] == [fault.name for fault in FAULTS]
