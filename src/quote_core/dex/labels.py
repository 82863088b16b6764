"""The names a DEX goes by outside: our own label, and the one Jupiter's clients know."""

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from quote_core.dex.pool import Dex
from quote_core.errors import InvalidField

__all__ = ["ALL_DEXES", "JUPITER_LABELS", "chosen_dexes", "jupiter_label"]

ALL_DEXES: Final = frozenset(Dex)

JUPITER_LABELS: Final[Mapping[Dex, str]] = MappingProxyType(
    {
        Dex.RAYDIUM_AMM_V4: "Raydium",
        Dex.RAYDIUM_CPMM: "Raydium CP",
        Dex.RAYDIUM_CLMM: "Raydium CLMM",
        Dex.ORCA_WHIRLPOOL: "Whirlpool",
        Dex.METEORA_DLMM: "Meteora DLMM",
        Dex.PUMPSWAP: "Pump.fun Amm",
    }
)

_JUPITER_BY_OWN: Final = {dex.label: label for dex, label in JUPITER_LABELS.items()}

_BY_LABEL: Final = {dex.label: dex for dex in Dex} | {label: dex for dex, label in JUPITER_LABELS.items()}


def jupiter_label(label: str) -> str:
    """The name Jupiter's clients know for one of our labels; any other name stays as it is."""
    return _JUPITER_BY_OWN.get(label, label)


def chosen_dexes(wanted: Collection[str], excluded: Collection[str]) -> frozenset[Dex]:
    """The DEXes a caller lets pools be of, each named by either label; nothing wanted means all.

    Raises:
        InvalidField: `dexes` or `exclude_dexes` names one that is not known, or together they leave none.
    """
    if not wanted and not excluded:
        return ALL_DEXES  # what nearly every caller wants
    chosen = _named(wanted, "dexes") or ALL_DEXES
    left = chosen - _named(excluded, "exclude_dexes")
    if not left:
        raise InvalidField("exclude_dexes", "leaves no DEX to ask")
    return left


def _named(labels: Iterable[str], field: str) -> frozenset[Dex]:
    named = set()
    for label in labels:
        if label not in _BY_LABEL:
            known = ", ".join(f"{dex.label} ({jupiter})" for dex, jupiter in JUPITER_LABELS.items())
            raise InvalidField(field, f"must name DEXes of {known}, got {label[:64]!r}")
        named.add(_BY_LABEL[label])
    return frozenset(named)
