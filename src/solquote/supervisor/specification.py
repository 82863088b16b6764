"""What the supervisor is told about a process, and what it tells about one; plain values."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from quote_core.running.status import ProcessView

__all__ = ["EmbeddedNats", "ProcessSpec", "Watcher", "stop_waves"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedNats:
    """Where the embedded server listens, and keeps its things."""

    host: str
    port: int
    monitor_host: str
    monitor_port: int
    data_folder: Path

    @property
    def store(self) -> Path:
        """Folder of JetStream's files."""
        return self.data_folder / "nats"

    @property
    def configuration(self) -> Path:
        """The server's configuration file."""
        return self.store / "nats-server.conf"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """One process to run."""

    name: str
    command: Sequence[str]
    needs: Set[str] = frozenset()
    feeds: Set[str] = frozenset()
    """Who works on what it gives: they end after it, and finish what they were given."""
    finish_ns_max: int = 0
    """How much longer than the others it may take to end, for it finishes what it has in hand."""
    address: str = ""
    """Where it is found, for people."""
    nats: EmbeddedNats | None = None
    """For the one process that does not notify us: where it is asked instead."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """All of it; `NOTIFY_SOCKET` is added."""


class Watcher(Protocol):
    """Who is told what happens to children."""

    def changed(self, view: ProcessView) -> None:
        """State, pid or status line are new."""
        ...

    def told(self, name: str, sentence: str) -> None:
        """Something a person should read."""
        ...

    def logged(self, name: str, line: str) -> None:
        """The child wrote a line."""
        ...


def stop_waves(specs: Sequence[ProcessSpec]) -> list[list[str]]:
    """Names to stop together, in order: nobody before those that need it or feed it."""
    left = {spec.name: spec.needs | spec.feeds for spec in specs}
    waves = []
    while left:
        needed = frozenset().union(*left.values())
        wave = [name for name in left if name not in needed]
        assert wave, f"{sorted(left)} need each other"
        waves.append(wave)
        for name in wave:
            del left[name]
    return waves
