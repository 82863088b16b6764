"""JetStream: connect, publish with a message id, durable consumers, dead letters, and the shape of a stage."""

from quote_core.bus.access import Access, access_of
from quote_core.bus.connection import Bus
from quote_core.bus.consumer import Consumer, StartAt
from quote_core.bus.permissions import BusRole
from quote_core.bus.reconnection import connect, connect_as
from quote_core.bus.stage import Answer, Stage, StageCounts

__all__ = [
    "Access",
    "Answer",
    "Bus",
    "BusRole",
    "Consumer",
    "Stage",
    "StageCounts",
    "StartAt",
    "access_of",
    "connect",
    "connect_as",
]
