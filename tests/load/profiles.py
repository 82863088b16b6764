"""The profiles: what each loads, for how long by default, and how many readers of shared memory run beside it."""

from dataclasses import dataclass
from typing import Final

__all__ = ["PROFILES", "USUAL", "Profile"]


@dataclass(frozen=True, slots=True)
class Profile:
    """`rate` is requests a second, `seconds` those of its longest part; `load.js` says what it makes of them.

    Attributes:
        is_k6: Whether k6 has a part in it.
    """

    name: str
    does: str
    rate: int = 200
    seconds: int = 20
    reader_count: int = 0
    is_k6: bool = True


PROFILES: Final = {
    profile.name: profile
    for profile in (
        Profile("unary", "single quotes over gRPC, then over HTTP"),
        Profile("batch", "batches of a hundred quotes over HTTP"),
        Profile("stream", "the first 1,800 quotes of a fresh stream, again and again"),
        Profile("spike", "single quotes over gRPC: a quarter of the rate, three times the rate, a quarter again"),
        Profile("readers", "processes that read shared memory", reader_count=50, is_k6=False),
        Profile("mixed", "all of it at once, with streams held open", reader_count=10),
        Profile(
            "soak",
            "single quotes, 20 streams and 50 readers for an hour: what grows?",
            seconds=3_600,
            reader_count=50,
        ),
    )
}
USUAL: Final = tuple(name for name in PROFILES if name != "soak")
"""What runs when nothing is named: some four minutes."""
