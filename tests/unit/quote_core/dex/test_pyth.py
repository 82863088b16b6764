import json
from collections.abc import Callable
from pathlib import Path

import pytest

from quote_core.dex.pool import Account
from quote_core.dex.pyth import decode_price_update
from quote_core.dex.recorded import RecordedPool
from quote_core.errors import CorruptAccount
from quote_core.units import Pubkey

Recorded = Callable[[str, str], RecordedPool]
FOLDER = Path(__file__).parents[3] / "golden" / "pools" / "pyth"
PARTIALLY_VERIFIED = {"sol_usd_20240929_BAtFj4", "usdc_usd_20240930_En8hkH"}
FULLY_VERIFIED = sorted({path.stem for path in FOLDER.glob("*.json")} - PARTIALLY_VERIFIED)


def only_account(source: RecordedPool) -> tuple[Pubkey, Account]:
    ((pubkey, account),) = source.accounts.items()
    return pubkey, account


@pytest.mark.parametrize("name", FULLY_VERIFIED)
def test_price_is_what_the_recording_says(recorded: Recorded, name: str) -> None:
    noted = json.loads((FOLDER / f"{name}.json").read_bytes())
    price = decode_price_update(*only_account(recorded("pyth", name)))
    assert price.value == pytest.approx(noted["price"])
    assert price.conf_value == pytest.approx(noted["conf"])
    assert (price.publish_time, price.feed_id) == (noted["publish_time"], noted["feed_id"])


@pytest.mark.parametrize("name", sorted(PARTIALLY_VERIFIED))
def test_partially_verified_price_of_an_unknown_receiver_is_refused(recorded: Recorded, name: str) -> None:
    with pytest.raises(CorruptAccount):
        decode_price_update(*only_account(recorded("pyth", name)))


@pytest.mark.parametrize(
    ("offset", "raw", "field"),
    [
        (40, b"\x00", "price_update.verification_level"),
        (73, bytes(8), "price_update.price"),
        (73, b"\xff" * 8, "price_update.price"),
        (89, (-19).to_bytes(4, "little", signed=True), "price_update.exponent"),
    ],
)
def test_unusable_price_is_refused_by_field(recorded: Recorded, offset: int, raw: bytes, field: str) -> None:
    pubkey, account = only_account(recorded("pyth", "sol_usd_20260731_7UVimf"))
    data = account.data[:offset] + raw + account.data[offset + len(raw) :]
    with pytest.raises(CorruptAccount) as caught:
        decode_price_update(pubkey, Account(account.owner, data))
    assert caught.value.field == field
