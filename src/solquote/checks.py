"""What `solquote doctor` looks at in settings and files, and the shape of what it finds. No network here."""

import enum
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from quote_core.addresses import is_loopback, with_port
from quote_core.running.settings_shown import SettingShown, shown_settings
from quote_core.settings import PlatformSettings, ServiceSettings, SettingsError, misnamed, read_section
from shm import Liveness, QuoteReader, Role, ShmError
from solquote.places import misplaced
from solquote.plan import ListenAddress, PlatformModels
from solquote.supervisor.ports import hosts_by_port
from solquote.switch_view import SwitchView

__all__ = [
    "DoctorFinding",
    "DoctorVerdict",
    "check_listeners",
    "check_places",
    "check_quote_files",
    "check_settings",
    "check_switch",
    "check_token_file",
]


class DoctorVerdict(enum.Enum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    """Works, and is not as it should be."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorFinding:
    """One check."""

    subject: str
    verdict: DoctorVerdict
    detail: str
    mend: str = ""
    """What to do about it; empty when all is well."""


def check_settings(
    environ: Mapping[str, str], models: Sequence[type[ServiceSettings]], *, own: Mapping[str, str] | None = None
) -> Iterator[DoctorFinding]:
    """Every section, every variable of ours, and every section of the file.

    Args:
        environ: What the settings are read from.
        models: Every model there is.
        own: What of it the operator set; the rest is told by the platform that runs. Unset = all.
    """
    own = environ if own is None else own
    for model in models:
        subject = f"settings [{model.section}]"
        try:
            loaded = read_section(model, environ)
            if isinstance(loaded, PlatformSettings):
                loaded.data_folder()
        except SettingsError as error:
            for mistake in error.mistakes:
                mend = "correct or unset it; docs/settings.md lists all"
                yield DoctorFinding(subject=subject, verdict=DoctorVerdict.FAILED, detail=mistake, mend=mend)
        else:
            detail = _in_words(shown_settings((model,), environ, own=own))
            yield DoctorFinding(subject=subject, verdict=DoctorVerdict.OK, detail=detail)
    for subject, mistakes in misnamed(environ).items():
        for mistake in mistakes:
            mend = "correct or remove it; it has no effect"
            yield DoctorFinding(subject=subject, verdict=DoctorVerdict.FAILED, detail=mistake, mend=mend)


def _in_words(settings: Iterable[SettingShown]) -> str:
    """What is not as it comes, one a line."""
    told = [f"{one.field} = {one.value}, from {one.origin}" for one in settings if one.origin]
    return "\n".join([*told, "the rest defaults" if told else "all defaults"])


def check_places(models: PlatformModels) -> Iterator[DoctorFinding]:
    """Whether a platform could be where these settings put it; `up` refuses with the same sentences."""
    faults = list(misplaced(models))
    for fault in faults:
        yield DoctorFinding(subject="places", verdict=DoctorVerdict.FAILED, detail=fault, mend="name another one there")
    if not faults:
        detail = f"{models.platform.data_folder()} and the quote files' folder can be written, every address bound"
        yield DoctorFinding(subject="places", verdict=DoctorVerdict.OK, detail=detail)


def check_listeners(meant: Iterable[ListenAddress]) -> Iterator[DoctorFinding]:
    """Where each of the platform's ports is really listened on; one that nobody listens on has its own finding."""
    listened = hosts_by_port()
    for one in meant:
        hosts = sorted(listened.get(one.port, ()))
        if not hosts:
            continue
        subject = f"listener of {one.owner}"
        detail = ", ".join(with_port(host, one.port) for host in hosts)
        if all(map(is_loopback, hosts)):
            yield DoctorFinding(subject=subject, verdict=DoctorVerdict.OK, detail=f"{detail}: this machine only")
        elif one.is_quote_api:
            yield DoctorFinding(subject=subject, verdict=DoctorVerdict.OK, detail=f"{detail}: other machines, too")
        else:
            mend = f"unset {one.host_variable}, or see that only those who should reach it do"
            detail = f"{detail}: other machines reach what is meant for this one"
            yield DoctorFinding(subject=subject, verdict=DoctorVerdict.WARNING, detail=detail, mend=mend)


def check_switch(switch: SwitchView) -> DoctorFinding:
    """The kill switch: whether trading is stopped, by whom and why."""
    subject = "kill switch"
    if switch.is_active:
        return DoctorFinding(subject=subject, verdict=DoctorVerdict.OK, detail=switch.sentence)
    mend = "`solquote release`, once the reason is gone"
    if not switch.is_known:
        mend = (
            "start the system manager (`solquote up`); its log says what it waits for (`solquote logs system_manager`)"
        )
    return DoctorFinding(subject=subject, verdict=DoctorVerdict.WARNING, detail=switch.sentence, mend=mend)


def check_token_file(path: Path) -> DoctorFinding:
    """The kill switch's token: there, and for its owner alone."""
    subject = "kill-switch token"
    try:
        status = path.stat()
    except FileNotFoundError:
        mend = "start the system manager (`solquote up`), which makes it"
        return DoctorFinding(subject=subject, verdict=DoctorVerdict.FAILED, detail=f"{path} is not there", mend=mend)
    except OSError as error:
        mend = "run as its owner, or set SOLQUOTE_SYSTEM_MANAGER_TOKEN_FILE"
        return DoctorFinding(
            subject=subject, verdict=DoctorVerdict.FAILED, detail=f"{path}: {error.strerror}", mend=mend
        )
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077 or status.st_uid != os.getuid():
        detail = f"{path} has mode {mode:04o} and owner {status.st_uid}"
        return DoctorFinding(
            subject=subject, verdict=DoctorVerdict.FAILED, detail=detail, mend=f"chmod 600 {path} as its owner"
        )
    return DoctorFinding(subject=subject, verdict=DoctorVerdict.OK, detail=str(path))


def check_quote_files(directory: Path | None) -> Iterator[DoctorFinding]:
    """Both quote files: readable, and their writer alive."""
    try:
        with QuoteReader.open(directory) as reader:
            for role in Role:
                yield _quote_file(reader, role)
    except (ShmError, OSError) as error:
        mend = "stop the platform, remove the file, start again"
        yield DoctorFinding(subject="quote files", verdict=DoctorVerdict.FAILED, detail=str(error), mend=mend)


def _quote_file(reader: QuoteReader, role: Role) -> DoctorFinding:
    subject = f"quote file {role.file_name}"
    liveness = reader.liveness(role)
    detail = f"{reader.directory / role.file_name}: writer {liveness.value}"
    if liveness is Liveness.LIVE:
        return DoctorFinding(subject=subject, verdict=DoctorVerdict.OK, detail=detail)
    mend = "start the aggregator (`solquote up`), or name its folder with SOLQUOTE_SHM_DIR"
    return DoctorFinding(subject=subject, verdict=DoctorVerdict.FAILED, detail=detail, mend=mend)
