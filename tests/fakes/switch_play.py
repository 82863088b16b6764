"""What a person, a fault or an attacker does to the kill switch, each move to its end, on `fakes.switch_world`."""

from collections import deque

from fakes.results import result
from fakes.switch_world import ACTIVE, HALTED, LATCH, MS, STOP, World, drop, serve
from fakes.switchboard import LIMITS, HeldWitness, ManagerProcess, Process

from quote_core.events import KILL_SWITCH_HEARTBEAT, KillSwitch, StopRequest, decode, encode, stamp

SETTLING_ROUNDS = 18
"""Of 200 ms: longer than the manager's silence."""


class Played(World):
    """A world with moves that each run to their end."""

    def __init__(self) -> None:
        super().__init__()
        self.stranger: ManagerProcess | None = None
        self.old_beat = encode(self._beat_of_before())

    def _beat_of_before(self) -> KillSwitch:
        """What the manager sent last before anything went wrong."""
        for _ in range(6):
            self.clock.now_ns += 100 * MS
            self.turn(self.gate)
        serve(self, self.manager)
        event = decode(self.gate.line.waiting[KILL_SWITCH_HEARTBEAT][-1])
        assert isinstance(event, KillSwitch)
        self.calm()
        assert self.gate.gate.allows_new_trades
        return event

    @property
    def processes(self) -> list[Process]:
        stranger: ManagerProcess | None = getattr(self, "stranger", None)  # the world begins without
        return [each for each in (self.manager, self.gate, stranger) if each is not None]

    def heard(self, subject: str, data: bytes) -> None:
        """The gate, and nobody else, gets a message at once."""
        self.gate.line.waiting.setdefault(subject, deque(maxlen=50)).append(data)
        while self.gate.line.waiting[subject]:
            self.gate.line.deliver(subject, is_lost=False)
        self.turn(self.gate)

    def trip(self, _: int = 0) -> None:
        """A stop is latched; its pushes wait."""
        if self.manager is not None:
            self.person_stops(1)
            serve(self, self.manager)

    def trip_unheard(self, _: int = 0) -> None:
        """The same, and the gate hears nothing of it."""
        self.trip()
        for subject in (LATCH, STOP, KILL_SWITCH_HEARTBEAT):
            drop(self, subject)

    def trip_unstored(self, _: int = 0) -> None:
        """The bus takes nothing; the manager keeps the stop."""
        if self.manager is None:
            return
        self.person_stops(1)
        for operation in list(self.manager.line.operations):
            self.manager.line.answer(operation, is_lost=True)
        self.turn(self.manager)

    def request(self, _: int = 0) -> None:
        """A stop request is stored, and nobody hears it pass."""
        request = StopRequest(header=stamp(self.clock), state=HALTED, trigger="", reason="bus", actor="")
        self.server.keep(STOP, encode(request))
        self.told()

    def release_all(self, _: int = 0) -> None:
        """A person releases."""
        if self.manager is not None:
            self.release(0)
            serve(self, self.manager)

    def release_forced(self, _: int = 0) -> None:
        """A person releases in spite of what was lost."""
        if self.manager is not None:
            self.manager.release("daily_loss", "drawdown")
            self.stopped_ns = None
            serve(self, self.manager)

    def rule_trips(self, _: int = 0) -> None:
        """A trade loses what a day may; the manager stops trading by itself."""
        if self.manager is not None:
            number = len(self.server.executed)
            lost = result(-LIMITS.daily_loss_lamports_max, number=number, finished_unix_ns=self.clock.unix_ns())
            self.manager.executed(lost)
            serve(self, self.manager)
            self.clock.now_ns += MS  # no release is of the same nanosecond
            self.told()

    def manager_dies_or_starts(self, _: int = 0) -> None:
        """Killed; or started again, and it reads the stream."""
        if self.manager is not None:
            self.manager_dies(0)
        else:
            self.manager_starts(0)
            serve(self, self.manager)

    def gate_starts_again(self, _: int = 0) -> None:
        """Its process is killed and comes back, and it reads the stream."""
        self.gate_restarts(0)
        serve(self, self.gate)

    def messages_are_lost(self, _: int = 0) -> None:
        """All that wait."""
        for process in self.processes:
            for subject in process.line.waiting:
                while process.line.waiting[subject]:
                    process.line.deliver(subject, is_lost=True)

    def gate_stalls(self, _: int = 0) -> None:
        """It does not run for 300 ms; then late answers come, and it reads again."""
        self.clock.now_ns += 300 * MS
        self.turn(self.gate)
        self.check()
        for operation in [each for each in self.gate.line.operations if each.is_done]:
            self.gate.line.answer(operation, is_lost=False)
        self.turn(self.gate)
        self.check()
        serve(self, self.gate)

    def silence(self, _: int = 0) -> None:
        """The gate runs, and hears of nobody for longer than it waits for the manager."""
        for _ in range(31):
            self.clock.now_ns += 100 * MS
            self.turn(self.gate)
            self.check()

    def old_heartbeat(self, _: int = 0) -> None:
        """One of before everything arrives now."""
        self.heard(KILL_SWITCH_HEARTBEAT, self.old_beat)

    def forged_heartbeat(self, _: int = 0) -> None:
        """One that tells of a release that never was."""
        self.heard(KILL_SWITCH_HEARTBEAT, encode(self._made_up(ACTIVE, 2**61)))

    def forged_stop(self, _: int = 0) -> None:
        """A stop of which nothing is stored, of a later revision than there is."""
        self.heard(LATCH, encode(self._made_up(HALTED, 2**61)))

    def forged_release(self, _: int = 0) -> None:
        """Whoever may write the latch writes a release under the next revision."""
        newest = decode(self.server.last(LATCH).data)
        assert isinstance(newest, KillSwitch)
        self.server.keep(LATCH, encode(self._made_up(ACTIVE, newest.revision + 1)))

    def slow_reading(self, _: int = 0) -> None:
        """The gate has asked, the server has answered, and the last answer is still under way."""
        self.heard(KILL_SWITCH_HEARTBEAT, encode(self._made_up(ACTIVE, 2**61)))
        self.clock.now_ns += 20 * MS
        self.turn(self.gate)
        for operation in list(self.gate.line.operations):
            self.gate.line.take_effect(operation, is_stored=True)
            if operation.what.endswith(LATCH):
                self.gate.line.answer(operation, is_lost=False)
        self.turn(self.gate)
        for operation in self.gate.line.operations:
            if not operation.is_done:
                self.gate.line.take_effect(operation, is_stored=True)

    def stranger_releases(self, _: int = 0) -> None:
        """The manager of another platform is on this bus, and a person releases there."""
        if self.stranger is None:
            self.stranger = ManagerProcess(self.clock, self.server, HeldWitness(), name="two")
            serve(self, self.stranger)
        self.stranger.release()
        serve(self, self.stranger)

    def all_is_well(self, _: int = 0) -> None:
        """Everything works for a moment."""
        self.calm()

    def settle(self) -> None:
        """Everything works, for longer than a gate waits for a manager."""
        for _ in range(SETTLING_ROUNDS):
            self.clock.now_ns += 200 * MS
            for process in self.processes:
                self.turn(process)
                for subject, waiting in process.line.waiting.items():
                    while waiting:
                        process.line.deliver(subject, is_lost=False)
                serve(self, process)
                self.check()
