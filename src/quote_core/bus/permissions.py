"""Who may do what on the bus, as one table; the embedded server's configuration is made from it.

| role           | publishes                                              | reads                       |
|----------------|--------------------------------------------------------|-----------------------------|
| initializer    | nothing; makes and changes every stream                | every stream's state        |
| system_manager | the kill switch and its heartbeat, anybody's health    | SYSTEM, METRICS, EXECUTED   |
| scanner        | opportunities, leases of its partitions                | SYSTEM                      |
| planner        | plans, dead letters of OPPORTUNITIES                   | SYSTEM, OPPORTUNITIES, EXECUTED |
| executor       | claims, results, dead letters of PLANNED               | SYSTEM, PLANNED, CLAIMS, EXECUTED |
| auditor        | P&L                                                    | every stream                |
| event_logger   | nothing                                                | every stream                |
| notifier       | nothing                                                | SYSTEM, METRICS, DEAD_LETTERS |
| operator       | nothing                                                | every stream, its consumers |
| local_quote    | market events, and nothing else                        | nothing                     |
| page           | nothing at all                                         | OPPORTUNITIES, PLANNED, EXECUTED, METRICS |

Every process of the pipeline publishes its own health and lifecycle, too; the operator is none, and neither is the
page, which is the aggregator's web page and only looks, nor the local quote service: its health is reported by the
manager. So a release (`system.kill_switch` and its heartbeat) is the manager's alone, a plan the planner's and a result
the executor's. A stop (`system.stop`) is asked for by the manager, by whoever trades, and by the operator, who is the
person at the command line. Answers come to inboxes that carry the role's name, which no other role may listen to.

One thing a server's permissions do not cover: where a consumer delivers to. What it delivers elsewhere keeps the
subject it was stored under, though, so `Bus.listen` takes nothing whose subject is not the one it listens to, and no
stage's filter matches it.
"""

import enum
from dataclasses import dataclass
from typing import Final

from quote_core.bus.lease_bucket import LEASE_STREAM, lease_subject
from quote_core.events import KILL_SWITCH_HEARTBEAT, Stream, dead_letter_subject, kind_of, subjects_of
from quote_core.events.types import (
    Claim,
    ExecutionPlan,
    ExecutionResult,
    KillSwitch,
    LargeTrade,
    LiquidityUpdate,
    PnlSnapshot,
    PoolStateChange,
    PriceDivergence,
    PriceUpdate,
    SlotUpdate,
    SourceDivergence,
    SpreadUpdate,
    StopRequest,
    TriangularArbitrage,
    TwoHopArbitrage,
    VolumeSpike,
)

__all__ = ["GRANTS", "GUARDED", "BusRole", "Grant", "Guarded", "Permissions", "permissions_of"]

_API: Final = "$JS.API"
_KILL_SWITCH: Final = kind_of(KillSwitch).subject
_STOP: Final = kind_of(StopRequest).subject
_MARKET: Final = tuple(
    map(
        subjects_of,
        (PriceUpdate, SlotUpdate, LiquidityUpdate, LargeTrade, SpreadUpdate, VolumeSpike, PoolStateChange),
    )
)
_OPPORTUNITIES: Final = tuple(
    map(subjects_of, (TwoHopArbitrage, TriangularArbitrage, PriceDivergence, SourceDivergence))
)


class BusRole(enum.StrEnum):
    """Who a connection belongs to: a process, by its name, the person at the machine, or the page they look at."""

    INITIALIZER = "initializer"
    SYSTEM_MANAGER = "system_manager"
    SCANNER = "scanner"
    PLANNER = "planner"
    EXECUTOR = "executor"
    AUDITOR = "auditor"
    EVENT_LOGGER = "event_logger"
    NOTIFIER = "notifier"
    OPERATOR = "operator"
    PAGE = "page"
    LOCAL_QUOTE = "local_quote"

    @property
    def inbox_prefix(self) -> str:
        """First token of the subjects that answers to this role come on."""
        return f"_INBOX_{self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One row of the table.

    Attributes:
        role: Whose.
        writes: Subjects published to, over what `permissions_of` gives to every process.
        looks_up: Streams whose state and single messages are read.
        pulls: Streams consumed by a durable of the role's own name, with dead letters.
        follows: Streams read in order by consumers that last as long as their reader.
        surveys: Streams whose consumers are listed.
        hears: Subjects listened to as they pass.
        leases: What it holds leases of.
        makes_streams: Whether it makes and changes streams.
        is_process: Whether it tells of its own health and lifecycle; of a quote service the manager does.
    """

    role: BusRole
    writes: tuple[str, ...] = ()
    looks_up: tuple[Stream, ...] = ()
    pulls: tuple[Stream, ...] = ()
    follows: tuple[Stream, ...] = ()
    surveys: tuple[Stream, ...] = ()
    hears: tuple[str, ...] = ()
    leases: tuple[str, ...] = ()
    makes_streams: bool = False
    is_process: bool = True


_SWITCH: Final = (_KILL_SWITCH, _STOP, KILL_SWITCH_HEARTBEAT)
"""What a trading gate listens to."""

GRANTS: Final = (
    Grant(role=BusRole.INITIALIZER, looks_up=tuple(Stream), makes_streams=True),
    Grant(
        role=BusRole.SYSTEM_MANAGER,
        writes=(_KILL_SWITCH, KILL_SWITCH_HEARTBEAT, _STOP, "metrics.health.*"),
        looks_up=(Stream.SYSTEM,),
        follows=(Stream.METRICS, Stream.SYSTEM, Stream.EXECUTED),
        hears=_SWITCH,
    ),
    Grant(
        role=BusRole.SCANNER,
        writes=(*_OPPORTUNITIES, _STOP),
        looks_up=(Stream.SYSTEM, Stream.OPPORTUNITIES),
        leases=("scanner",),
        hears=_SWITCH,
    ),
    Grant(
        role=BusRole.PLANNER,
        writes=(subjects_of(ExecutionPlan), _STOP),
        looks_up=(Stream.SYSTEM, Stream.PLANNED),
        pulls=(Stream.OPPORTUNITIES,),
        follows=(Stream.EXECUTED,),
        hears=_SWITCH,
    ),
    Grant(
        role=BusRole.EXECUTOR,
        writes=(subjects_of(Claim), subjects_of(ExecutionResult), _STOP),
        looks_up=(Stream.SYSTEM, Stream.EXECUTED),
        pulls=(Stream.PLANNED,),
        follows=(Stream.CLAIMS, Stream.EXECUTED),
        hears=_SWITCH,
    ),
    Grant(role=BusRole.AUDITOR, writes=(subjects_of(PnlSnapshot),), follows=tuple(Stream)),
    Grant(role=BusRole.EVENT_LOGGER, follows=tuple(Stream)),
    Grant(
        role=BusRole.NOTIFIER,
        follows=(Stream.SYSTEM, Stream.METRICS, Stream.DEAD_LETTERS),
        hears=(KILL_SWITCH_HEARTBEAT,),
    ),
    Grant(
        role=BusRole.OPERATOR,
        writes=(_STOP,),
        follows=tuple(Stream),
        surveys=tuple(Stream),
        hears=_SWITCH,
        is_process=False,
    ),
    Grant(
        role=BusRole.PAGE,
        follows=(Stream.OPPORTUNITIES, Stream.PLANNED, Stream.EXECUTED, Stream.METRICS),
        is_process=False,
    ),
    Grant(role=BusRole.LOCAL_QUOTE, writes=_MARKET, is_process=False),
)


@dataclass(frozen=True, slots=True)
class Guarded:
    """What only one role may publish, for those who check a server's permissions."""

    what: str
    role: BusRole
    example: str
    """A subject of it."""


GUARDED: Final = (
    Guarded("a release of the kill switch", BusRole.SYSTEM_MANAGER, _KILL_SWITCH),
    Guarded("the kill switch's heartbeat", BusRole.SYSTEM_MANAGER, KILL_SWITCH_HEARTBEAT),
    Guarded("an opportunity", BusRole.SCANNER, "opportunity.two_hop.SOL-USDC"),
    Guarded("a lease of a scanner's partition", BusRole.SCANNER, lease_subject("scanner.0")),
    Guarded("a plan", BusRole.PLANNER, "plan.SOL-USDC"),
    Guarded("a result", BusRole.EXECUTOR, "executed.SOL-USDC.00"),
    Guarded("a market event", BusRole.LOCAL_QUOTE, kind_of(SlotUpdate).subject),
    Guarded("profit and loss", BusRole.AUDITOR, kind_of(PnlSnapshot).subject),
    Guarded("a change of the streams", BusRole.INITIALIZER, f"{_API}.STREAM.UPDATE.SYSTEM"),
    Guarded("an emptying of the streams", BusRole.INITIALIZER, f"{_API}.STREAM.PURGE.SYSTEM"),
)


@dataclass(frozen=True, slots=True)
class Permissions:
    """A grant in the server's terms: everything that is not named is refused."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def permissions_of(grant: Grant) -> Permissions:
    """Everything a connection of this role needs, the requests to JetStream included."""
    role = grant.role
    publish = ["$SYS.REQ.USER.INFO", f"{_API}.INFO", *grant.writes]
    if grant.is_process:
        publish += [f"metrics.health.{role}", f"system.lifecycle.{role}"]
    publish += [lease_subject(f"{name}.*") for name in grant.leases]
    looked_up: list[str] = [*grant.looks_up, *grant.pulls, *grant.follows]
    if grant.leases or grant.makes_streams:
        looked_up.append(LEASE_STREAM)
    for stream in dict.fromkeys(looked_up):
        publish += [f"{_API}.STREAM.INFO.{stream}", f"{_API}.STREAM.MSG.GET.{stream}", f"{_API}.DIRECT.GET.{stream}.>"]
    for stream in grant.pulls:
        publish += [
            f"{_API}.CONSUMER.DURABLE.CREATE.{stream}.{role}",
            f"{_API}.CONSUMER.CREATE.{stream}.{role}",
            f"{_API}.CONSUMER.CREATE.{stream}.{role}.>",
            f"{_API}.CONSUMER.INFO.{stream}.{role}",
            f"{_API}.CONSUMER.MSG.NEXT.{stream}.{role}",
            f"$JS.ACK.{stream}.{role}.>",
            dead_letter_subject(stream, role),
        ]
    for stream in grant.follows:
        publish += [f"{_API}.CONSUMER.CREATE.{stream}", f"$JS.FC.{stream}.>"]
    publish += [f"{_API}.CONSUMER.LIST.{stream}" for stream in grant.surveys]
    if grant.makes_streams:
        publish += [f"{_API}.STREAM.{verb}.*" for verb in ("CREATE", "UPDATE")]
    return Permissions(tuple(dict.fromkeys(publish)), (f"{role.inbox_prefix}.>", *grant.hears))
