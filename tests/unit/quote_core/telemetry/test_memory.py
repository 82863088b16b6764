"""The limit that counts is found wherever it is set, and compared with what it limits."""

import subprocess
import sys
from pathlib import Path

import pytest

from quote_core.telemetry.memory import MemoryUse, memory_use

MIB = 1024 * 1024
MACHINE_MIB, MACHINE_USED_MIB = 1_000_000, 1_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine with a terabyte, a thousandth of it in use."""
    total_kb, available_kb = MACHINE_MIB * 1024, (MACHINE_MIB - MACHINE_USED_MIB) * 1024
    write(tmp_path / "proc/meminfo", f"MemTotal:  {total_kb} kB\nMemAvailable:  {available_kb} kB\n")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def group(path: Path, *, limit: str, used_mib: int, file_mib: int = 0) -> None:
    write(path / "memory.max", f"{limit}\n")
    write(path / "memory.current", f"{used_mib * MIB}\n")
    write(path / "memory.stat", f"anon 5\ninactive_file {file_mib * MIB // 2}\nactive_file {file_mib * MIB // 2}\n")


def test_the_limit_of_the_processs_own_control_group_counts_not_the_roots(root: Path) -> None:
    write(root / "proc/self/cgroup", "0::/system.slice/solquote.service\n")
    group(root / "sys/fs/cgroup/system.slice/solquote.service", limit=str(512 * MIB), used_mib=300)
    group(root / "sys/fs/cgroup/system.slice", limit="max", used_mib=400)
    assert memory_use(root) == MemoryUse(300 * MIB, 512 * MIB)


def test_a_group_above_that_is_nearer_its_limit_counts(root: Path) -> None:
    write(root / "proc/self/cgroup", "0::/pod/container\n")
    group(root / "sys/fs/cgroup/pod/container", limit=str(1_000 * MIB), used_mib=300)
    group(root / "sys/fs/cgroup/pod", limit=str(1_000 * MIB), used_mib=950)
    assert memory_use(root) == MemoryUse(950 * MIB, 1_000 * MIB)


def test_file_cache_is_not_in_use(root: Path) -> None:
    write(root / "proc/self/cgroup", "0::/a\n")
    group(root / "sys/fs/cgroup/a", limit=str(100 * MIB), used_mib=99, file_mib=60)
    assert memory_use(root) == MemoryUse(39 * MIB, 100 * MIB)


def test_a_hosts_path_in_a_container_leads_to_what_is_mounted(root: Path) -> None:
    write(root / "proc/self/cgroup", "4:memory:/docker/0123\n0::/\n")
    mount = root / "sys/fs/cgroup/memory"
    write(mount / "memory.limit_in_bytes", f"{200 * MIB}\n")
    write(mount / "memory.usage_in_bytes", f"{190 * MIB}\n")
    write(mount / "memory.stat", f"total_inactive_file {30 * MIB}\ntotal_active_file {10 * MIB}\n")
    assert memory_use(root) == MemoryUse(150 * MIB, 200 * MIB)


@pytest.mark.parametrize("limit", ["max", str(2**63 - 4096)])
def test_without_a_limit_the_machines_memory_is_the_limit(root: Path, limit: str) -> None:
    write(root / "proc/self/cgroup", "0::/a\n")
    group(root / "sys/fs/cgroup/a", limit=limit, used_mib=99)
    assert memory_use(root) == MemoryUse(MACHINE_USED_MIB * MIB, MACHINE_MIB * MIB)


def test_a_kernel_that_says_nothing_gives_no_limit(tmp_path: Path) -> None:
    assert memory_use(tmp_path) == MemoryUse(0, 0)


@pytest.mark.parametrize("limit", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_a_process_near_its_own_limit_says_so(limit: str) -> None:
    program = f"""
import resource
from quote_core.telemetry.memory import memory_use
resource.setrlimit(resource.{limit}, (600 * 2**20, 600 * 2**20))
held = bytearray(500 * 2**20)
use = memory_use()
assert use.limit_bytes == 600 * 2**20 > use.used_bytes > len(held), use
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=180)
