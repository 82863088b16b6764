"""Freshness of so-and-so long ago, as a value and as the messages carry it."""

from quote_core.clock import SYSTEM_CLOCK, Clock, Moment, moment
from quote_core.freshness import Freshness
from quote_core.generated.solquote.v1 import quotes_pb2


def vouched(clock: Clock = SYSTEM_CLOCK, *, age_ns: int = 0, slot: int = 5) -> Freshness:
    then = moment(clock).earlier_by(age_ns)
    if then.mono_ns < 0:  # before this machine was started: its monotonic clock has no number for it
        then = Moment(0, 0, then.unix_ns)
    return Freshness(then, slot)


def freshness_message(clock: Clock = SYSTEM_CLOCK, *, age_ns: int = 0, slot: int = 5) -> quotes_pb2.Freshness:
    freshness = vouched(clock, age_ns=age_ns, slot=slot)
    return quotes_pb2.Freshness(
        boot_id=freshness.vouched.boot_id,
        vouched_mono_ns=freshness.vouched.mono_ns,
        vouched_unix_ns=freshness.vouched.unix_ns,
        vouched_slot=slot,
    )
