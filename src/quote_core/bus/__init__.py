"""JetStream: connect, publish with a message id, durable consumers, dead letters, and the shape of a stage."""

from quote_core.bus.connection import Bus, connect
from quote_core.bus.consumer import Consumer, StartAt
from quote_core.bus.stage import Answer, Stage, StageCounts

__all__ = ["Answer", "Bus", "Consumer", "Stage", "StageCounts", "StartAt", "connect"]
