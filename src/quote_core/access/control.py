"""Who may ask one process, as its settings have it, and as they have it anew on SIGHUP.

| on SIGHUP               | from then on                                                                    |
|-------------------------|---------------------------------------------------------------------------------|
| tokens                  | each call, and each message of a stream that is open, goes by the new ones       |
| limits of clients       | each call                                                                       |
| certificates and key    | each new connection; those that are open stay                                   |
| authorities for clients | the same                                                                        |
| anything else           | at the next start; the log names what has changed                               |

What is wrong changes nothing at all: the log says what, and the old goes on.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Final

import structlog

from quote_core.access.access_file import KnownClient, read_access_file
from quote_core.access.audit import Audit
from quote_core.access.budget import Limits
from quote_core.access.certificates import read_certificates
from quote_core.access.gate import Gate, Rules
from quote_core.access.scopes import Scope
from quote_core.clock import SYSTEM_CLOCK, Clock
from quote_core.hangup import heeding_hangup
from quote_core.settings import PlatformSettings, ServiceSettings, SettingsError, environment_name, load_with_platform

__all__ = ["AccessControl"]

_EVERY_TIME: Final = frozenset(
    {
        *("access_file", "tls_certificate", "tls_key", "tls_client_ca"),
        *("client_rate", "client_burst", "client_quota", "client_stream_count_max"),
    }
)
"""What may change while the process runs."""


class AccessControl:
    """One process's.

    Args:
        platform: The settings it starts with; those stay at hand as `platform`.
        own: Tokens the process knows beside those of the access file; read again each time.
        clock: For limits, and tokens that end.

    Raises:
        SettingsError: Something is wrong with the files.
    """

    def __init__(
        self,
        platform: PlatformSettings,
        *,
        own: Callable[[], Mapping[bytes, KnownClient]] | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.platform = platform
        self._own = own
        self.certificates = read_certificates(platform)
        self.gate = Gate(self._rules(platform), clock)
        self.audit = Audit(clock)

    def heeding_hangup(self, own: ServiceSettings) -> AbstractContextManager[None]:
        """Read the settings of the process, which has `own` of its section, again at each SIGHUP while it lasts."""
        return heeding_hangup(partial(self._hear, own))

    def reload(self, platform: PlatformSettings) -> None:
        """Go by other settings, or by other content of the same files.

        Raises:
            SettingsError: Something is wrong; all stays as it was.
        """
        for name in ("access_file", "tls_certificate", "tls_client_ca"):
            if (getattr(self.platform, name) is None) != (getattr(platform, name) is None):
                variable = environment_name(platform.section, name)
                raise SettingsError([f"{variable}: may name another file, but begin or end only when a process starts"])
        rules, certificates = self._rules(platform), read_certificates(platform)
        self.gate.change(rules)
        self.certificates = certificates

    def _rules(self, platform: PlatformSettings) -> Rules:
        own = self._own() if self._own is not None else {}
        clients = read_access_file(platform.access_file) if platform.access_file is not None else {}
        asked = frozenset(Scope) if platform.access_file is not None else frozenset({Scope.ADMIN} if own else ())
        return Rules(
            clients={**clients, **own},
            asked=asked,
            limits=Limits(
                rate_per_s=platform.client_rate,
                burst_count=platform.client_burst,
                quota_count=platform.client_quota,
                stream_count_max=platform.client_stream_count_max,
            ),
        )

    def _hear(self, own: ServiceSettings) -> None:
        log = structlog.get_logger(part="access")
        try:
            platform, own_now = load_with_platform(type(own))
            self.reload(platform)
        except (SettingsError, OSError) as error:
            mistakes = error.mistakes if isinstance(error, SettingsError) else (str(error),)
            log.error("the new settings are wrong, the old ones stay", mistakes=mistakes)  # noqa: TRY400  # no fault of ours
            return
        later = [*_changed(self.platform, platform, but=_EVERY_TIME), *_changed(own, own_now)]
        log.warning("settings read again", **({"at_next_start": later} if later else {}))


def _changed(before: ServiceSettings, now: ServiceSettings, *, but: Collection[str] = ()) -> Iterator[str]:
    """Variables of what is set otherwise."""
    for name in type(now).model_fields:
        if name not in but and getattr(before, name) != getattr(now, name):
            yield environment_name(now.section, name)
