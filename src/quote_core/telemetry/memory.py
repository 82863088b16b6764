"""How near this process is to the end of its memory: of all limits it lives under, the one with the least room.

Each limit is compared with the measure that it limits, or the share means nothing:

| limit                                             | in use                                                         |
|---------------------------------------------------|----------------------------------------------------------------|
| its control group's, and each one's above it      | what the group holds, without the file cache the kernel can    |
| (v2 `memory.max`, v1 `memory.limit_in_bytes`)     | take back: a journal being written is no lack of memory        |
| `RLIMIT_AS`                                       | address space of the process                                   |
| `RLIMIT_DATA`                                     | its data segment                                               |
| the machine's memory                              | what is not available (`MemTotal` - `MemAvailable`)            |

The path of the control group is in `/proc/self/cgroup`. In a container without a namespace for them it is the host's,
and not there; what is mounted then is the container's own group, which the walk up to the root ends with.
"""

import resource
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

__all__ = ["MemoryUse", "memory_use"]

_V2_MOUNTS: Final = ("sys/fs/cgroup", "sys/fs/cgroup/unified")
_V1_MOUNT: Final = "sys/fs/cgroup/memory"
_NO_PROCESS_LIMIT: Final = resource.RLIM_INFINITY


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Bytes in use, and the limit of these; a limit of 0 = the kernel says nothing."""

    used_bytes: int
    limit_bytes: int


def memory_use(root: Path = Path("/")) -> MemoryUse:
    """The limit of this process that is nearest to being reached.

    Args:
        root: Where `proc` and `sys` are.
    """
    machine = _machine(root)
    found = [use for use in (*_control_groups(root), *_own_limits(root)) if _is_limit(use, machine)]
    if machine.limit_bytes:
        found.append(machine)
    return max(found, key=lambda use: Fraction(use.used_bytes, use.limit_bytes), default=MemoryUse(0, 0))


def _is_limit(use: MemoryUse, machine: MemoryUse) -> bool:
    """A limit above all there is, such as version 1's 2^63, is none."""
    return use.limit_bytes > 0 and (machine.limit_bytes == 0 or use.limit_bytes < machine.limit_bytes)


def _machine(root: Path) -> MemoryUse:
    kilobytes = _fields(root / "proc/meminfo")
    total = kilobytes.get("MemTotal", 0)
    return MemoryUse((total - kilobytes.get("MemAvailable", total)) * 1024, total * 1024)


def _own_limits(root: Path) -> Iterator[MemoryUse]:
    kilobytes = _fields(root / "proc/self/status")
    for limit, measure in ((resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData")):
        limit_bytes = resource.getrlimit(limit)[0]
        if limit_bytes != _NO_PROCESS_LIMIT:
            yield MemoryUse(kilobytes.get(measure, 0) * 1024, limit_bytes)


def _control_groups(root: Path) -> Iterator[MemoryUse]:
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            for mount in _V2_MOUNTS:
                yield from _walk_up(root / mount, path, "memory.max", "memory.current", "")
        elif "memory" in controllers.split(","):
            yield from _walk_up(root / _V1_MOUNT, path, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_")


def _walk_up(mount: Path, path: str, limit_name: str, used_name: str, prefix: str) -> Iterator[MemoryUse]:
    parts = [part for part in path.split("/") if part not in ("", "..")]
    for count in range(len(parts), -1, -1):
        group = mount.joinpath(*parts[:count])
        limit_bytes = _number(group / limit_name)
        if limit_bytes:
            files = _fields(group / "memory.stat")
            cache_bytes = files.get(f"{prefix}active_file", 0) + files.get(f"{prefix}inactive_file", 0)
            yield MemoryUse(max(0, _number(group / used_name) - cache_bytes), limit_bytes)


def _fields(path: Path) -> Mapping[str, int]:
    """Lines of a name, a number and perhaps a unit, as `meminfo`, `status` and `memory.stat` have them."""
    fields = {}
    for line in _text(path).splitlines():
        name, *values = line.replace(":", " ").split()
        if values and values[0].isdecimal():
            fields[name] = int(values[0])
    return fields


def _number(path: Path) -> int:
    text = _text(path).strip()
    return int(text) if text.isdecimal() else 0  # not there, or "max"


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
