"""A clock that only a test moves."""


class FakeClock:
    """Wall and monotonic time, both standing still."""

    def __init__(self, *, mono_ns: int = 1_000_000_000_000, unix_ns: int = 1_700_000_000_000_000_000) -> None:
        self._mono_ns = mono_ns
        self._unix_ns = unix_ns

    def mono_ns(self) -> int:
        return self._mono_ns

    def unix_ns(self) -> int:
        return self._unix_ns

    def step_wall_ns(self, ns: int) -> None:
        """Somebody sets the wall clock."""
        self._unix_ns += ns

    def advance_ms(self, ms: int) -> None:
        self.advance_ns(ms * 1_000_000)

    def advance_ns(self, ns: int) -> None:
        self._mono_ns += ns
        self._unix_ns += ns
