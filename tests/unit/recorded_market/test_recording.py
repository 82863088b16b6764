import json
from pathlib import Path

import pytest
import zstandard

from quote_core.errors import LayoutMismatch
from quote_core.tokens import TokenRegistry
from recorded_market.chain_time import CLOCK_SYSVAR
from recorded_market.recording import Recording, load_recording

RECORDED_POOLS = {
    "58oQChx4yWmvKdwLLZzBi4ChoCc2fqCUWBkwMihLYQo2": "raydium_amm_v4/",
    "7JuwJuNU88gurFnyWeiyGKbFmExMWcmRZntn9imEzdny": "raydium_cpmm/",
    "3ucNos4NbumPLZNWztqGHNFFgkHeRMBQAVemeeomsUxv": "raydium_clmm/",
    "Czfq3xZZDmsdGdUyrNLtRhGc47cXcZtLG4crryfu44zE": "orca_whirlpool/",
    "5rCf1DM8LjKTw4YqhnoLcngyZYeNnQqztScTogYHAS6": "meteora_dlmm/",
}


def write(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(zstandard.compress(content))


def one_account(pubkey: str) -> bytes:
    entry = {"owner": "11111111111111111111111111111111", "lamports": 5, "data_base64": "AAE=", "executable": False}
    return json.dumps({"accounts": {pubkey: entry}}).encode()


def test_the_five_recorded_sol_usdc_pools_and_the_clock_are_there(recording: Recording) -> None:
    assert CLOCK_SYSVAR in recording.accounts
    for pubkey, prefix in RECORDED_POOLS.items():
        assert recording.origins[pubkey].startswith(prefix)


def test_every_oracle_the_registry_names_is_recorded(recording: Recording, tokens: TokenRegistry) -> None:
    named = {token.oracle.account for token in tokens if token.oracle is not None}
    assert named <= recording.accounts.keys()


def test_every_file_says_where_its_real_accounts_come_from() -> None:
    folder = Path(__file__).parents[3] / "src/recorded_market/data"
    files = list(folder.glob("**/*.json.zst"))
    assert files
    for file in files:
        provenance = json.loads(zstandard.decompress(file.read_bytes()))["provenance"]
        assert provenance["real"] is True
        assert provenance["repo"]
        assert provenance["path"]


def test_accounts_come_as_they_were_written(tmp_path: Path) -> None:
    write(tmp_path, "one.json.zst", one_account("a"))
    (tmp_path / "README.md").write_text("not a recording")
    recording = load_recording(tmp_path)
    assert recording.accounts["a"].data == b"\x00\x01"
    assert recording.accounts["a"].lamports == 5
    assert recording.origins == {"a": "one.json.zst"}


def test_a_pubkey_in_two_files_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "one.json.zst", one_account("a"))
    write(tmp_path, "two.json.zst", one_account("a"))
    with pytest.raises(LayoutMismatch, match=r"two.json.zst: account a is already in one.json.zst"):
        load_recording(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"accounts": 1}',
        b'{"accounts": {"a": {}}}',
        b'{"accounts": {"a": {"owner": "x", "lamports": 1, "data_base64": "*"}}}',
    ],
)
def test_a_file_that_is_no_recording_is_named(tmp_path: Path, content: bytes) -> None:
    write(tmp_path, "bad.json.zst", content)
    with pytest.raises(LayoutMismatch, match=r"bad.json.zst: is not a recording"):
        load_recording(tmp_path)


def test_a_file_that_is_not_compressed_is_named(tmp_path: Path) -> None:
    (tmp_path / "plain.json.zst").write_bytes(one_account("a"))
    with pytest.raises(LayoutMismatch, match=r"plain.json.zst"):
        load_recording(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LayoutMismatch, match="holds no recorded account"):
        load_recording(tmp_path)
