import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from quote_core.dex.pool import Account
from quote_core.dex.recorded import RecordedPool
from quote_core.dex.switchboard import decode_pull_feed, with_value
from quote_core.errors import CorruptAccount
from quote_core.units import Pubkey

Recorded = Callable[[str, str], RecordedPool]
FOLDER = Path(__file__).parents[3] / "golden" / "pools" / "switchboard"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


def only_account(source: RecordedPool) -> tuple[Pubkey, Account]:
    ((pubkey, account),) = source.accounts.items()
    return pubkey, account


@pytest.mark.parametrize("name", NAMES)
def test_a_price_is_what_the_recording_says(recorded: Recorded, name: str) -> None:
    noted = json.loads((FOLDER / f"{name}.json").read_bytes())
    price = decode_pull_feed(*only_account(recorded("switchboard", name)))
    assert (price.value, price.std_dev) == (noted["value"], noted["std_dev"])
    assert (price.slot, price.slots_max) == (noted["slot_of_value"], noted["slots_max"])
    assert price.last_update_unix_s == noted["last_update_unix_s"]


def test_a_recorded_price_is_what_its_source_says_it_is(recorded: Recorded) -> None:
    """The test these bytes were published in: 155.59 plus or minus 0.47 dollars for a SOL, of the named feed."""
    price = decode_pull_feed(*only_account(recorded("switchboard", "sol_usd_20240809_BSzfJs")))
    assert price.price == pytest.approx(155.59, rel=1e-4)
    assert price.conf == pytest.approx(0.47, rel=0.01)
    assert price.feed_hash == "4c935636f2523f6aeeb6dc7b7dab0e86a13ff2c794f7895fc78851d69fdb593b"


@pytest.mark.parametrize("name", NAMES)
def test_a_value_written_is_the_value_read_and_every_other_byte_stays(recorded: Recorded, name: str) -> None:
    pubkey, account = only_account(recorded("switchboard", name))
    before = decode_pull_feed(pubkey, account)
    after = replace(before, value=1, std_dev=0, slot=2**64 - 1, last_update_unix_s=1)
    data = with_value(account.data, after)
    assert decode_pull_feed(pubkey, Account(account.owner, data)) == after
    assert with_value(data, before) == account.data


@pytest.mark.parametrize(
    ("offset", "raw", "field"),
    [
        (0, b"\x00", "pull_feed.discriminator"),
        (2264, bytes(16), "pull_feed.value"),
        (2264, b"\xff" * 16, "pull_feed.value"),
        (2280, b"\xff" * 16, "pull_feed.std_dev"),
        (2368, bytes(8), "pull_feed.slot"),
    ],
)
def test_an_unusable_feed_is_refused_by_field(recorded: Recorded, offset: int, raw: bytes, field: str) -> None:
    pubkey, account = only_account(recorded("switchboard", NAMES[0]))
    data = account.data[:offset] + raw + account.data[offset + len(raw) :]
    with pytest.raises(CorruptAccount) as caught:
        decode_pull_feed(pubkey, Account(account.owner, data))
    assert caught.value.field == field


def test_an_account_of_another_program_or_size_is_refused(recorded: Recorded) -> None:
    pubkey, account = only_account(recorded("switchboard", NAMES[0]))
    with pytest.raises(CorruptAccount):
        decode_pull_feed(pubkey, Account(Pubkey("11111111111111111111111111111111"), account.data))
    with pytest.raises(CorruptAccount):
        decode_pull_feed(pubkey, Account(account.owner, account.data[:-1]))
