"""The quote table between real processes: restarts, replacement, refusals, and a reader in C."""

import asyncio
import json
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from fakes.waiting import until
from prove.build import COMPILER, CPP_COMPILER, crate, program, program_in_cpp

from shm import (
    CONTRACT,
    DeadWriter,
    HandleState,
    Liveness,
    NotATable,
    QuoteReader,
    QuoteWriter,
    Role,
    SecondWriter,
    TableCounts,
    WrongLayout,
    WrongMagic,
    WrongSize,
    WrongVersion,
    layout,
    row_of_index,
)

pytestmark = pytest.mark.integration

A, B = (bytes([number]) * 32 for number in range(1, 3))
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
WAIT_S = 60.0
SIZED = (TableCounts(20_000, 4_096), TableCounts(65_535, 512))

# A writer that publishes amounts counting up from its first argument, and obeys lines on its standard input.
WRITER = """
import sys, threading, time
from pathlib import Path
from shm import QuoteWriter, Role, TableCounts

directory, amount, entries, slots = Path(sys.argv[1]), *map(int, sys.argv[2:])
orders = []
threading.Thread(target=lambda: orders.extend(iter(sys.stdin.readline, "")), daemon=True).start()
with QuoteWriter.open(directory, Role.INTERNAL, counts=TableCounts(entries, slots)) as writer:
    writer.assign(0, bytes([1]) * 32, bytes([2]) * 32)
    print("ready", flush=True)
    while "stop\\n" not in orders:
        amount += 1
        if "replace\\n" in orders:
            orders.remove("replace\\n")
            writer.replace()
        writer.publish(0, input_amount=1_000, output_amount=amount, ts_ns=time.time_ns())
        time.sleep(0.01)  # so that a reader must be held up for 5 s to be lapped
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "table"
    path.mkdir(mode=0o750)
    return path


@contextmanager
def writing(directory: Path, amount: int, counts: TableCounts = CONTRACT) -> Iterator[subprocess.Popen[str]]:
    """A writer process that is up."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(directory), str(amount), str(counts.entries), str(counts.slots)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def order(process: subprocess.Popen[str], line: str) -> None:
    """Tell a writer what to do."""
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def test_reader_opened_first_keeps_delivering_over_restarts_and_a_replacement(directory: Path) -> None:
    with QuoteReader.open(directory) as quotes:
        handle = quotes.handle(A, B, 1_000)
        assert not handle

        def delivers_beyond(amount: int) -> bool:
            named = 0 in quotes.poll()
            return named and handle.refresh() and handle.output_amount > amount

        for life in (1, 2, 3):
            with writing(directory, life * 1_000_000) as writer:
                until(partial(delivers_beyond, life * 1_000_000))
                writer.kill()
                writer.wait()
            until(lambda: not handle)
            assert handle.state is HandleState.NOT_LIVE
            assert quotes.liveness(Role.INTERNAL) is Liveness.DEAD
            with pytest.raises(DeadWriter, match="is dead: do not trade"):
                handle.fresh()
        with writing(directory, 4_000_000) as writer:
            until(lambda: delivers_beyond(4_000_000))
            attached = quotes.attach_count
            order(writer, "replace")
            until(lambda: delivers_beyond(4_000_000) and quotes.attach_count == attached + 1)
            order(writer, "stop")
            assert writer.wait(WAIT_S) == 0
        assert not handle
        assert handle.state is HandleState.STALE
        assert quotes.liveness(Role.INTERNAL) is Liveness.CLOSED
        assert quotes.scan_count == 1 + 3 + 1  # the first poll, three restarts, the new file


def test_a_reader_and_its_handle_follow_writers_of_ever_other_counts(directory: Path) -> None:
    with QuoteReader.open(directory) as quotes:
        handle = quotes.handle(A, B, 1_000)
        for life, counts in enumerate((CONTRACT, *SIZED, CONTRACT), start=1):
            index = counts.first_index(Role.INTERNAL)
            with writing(directory, life * 1_000_000, counts) as writer:
                until(lambda: bool(handle) and handle.output_amount > life * 1_000_000)  # noqa: B023  # called at once
                until(lambda: index in quotes.poll())  # noqa: B023
                assert quotes.counts(Role.INTERNAL) == counts
                assert handle.index == index
                if life % 2:
                    writer.kill()
                else:
                    order(writer, "stop")
                writer.wait(WAIT_S)
            until(lambda: not handle)
        assert quotes.attach_count == len(SIZED) + 2
        assert [path.name for path in directory.iterdir()] == [Role.INTERNAL.file_name]


def test_stopped_writer_is_hung_and_its_quotes_are_not_live(directory: Path) -> None:
    with writing(directory, 0) as writer, QuoteReader.open(directory) as quotes:
        handle = quotes.handle(A, B, 1_000)
        until(handle.refresh)
        writer.send_signal(signal.SIGSTOP)
        until(lambda: not handle)
        until(lambda: quotes.liveness(Role.INTERNAL) is Liveness.HUNG)
        assert handle.state is HandleState.NOT_LIVE
        writer.send_signal(signal.SIGCONT)
        until(handle.refresh)


def test_second_writer_process_is_refused(directory: Path) -> None:
    with writing(directory, 0), pytest.raises(SecondWriter, match="already has a living writer"):
        QuoteWriter.open(directory, Role.INTERNAL)


def test_sleeping_reader_is_woken_by_another_process(directory: Path) -> None:
    with writing(directory, 0), QuoteReader.open(directory) as quotes:
        until(lambda: quotes.poll() or quotes.liveness(Role.INTERNAL) is Liveness.LIVE)
        for _ in range(20):
            quotes.poll()
            assert quotes.wait(WAIT_S)


async def test_asyncio_reader_follows_another_process(directory: Path) -> None:
    quotes = QuoteReader.open(directory)
    seen = 0
    with writing(directory, 0):
        async with asyncio.timeout(WAIT_S):
            async for changed in quotes.changes():
                assert changed == (0,)
                seen += 1
                if seen == 20:
                    break
    quotes.close()


READ_ONLY_READER = """
import ctypes, sys
from pathlib import Path
from shm import QuoteReader

quotes = QuoteReader.open(Path(sys.argv[1]))
maps = [line for line in open("/proc/self/maps") if "quotes-internal.mmap" in line]
assert maps and all(line.split()[1] == "r--s" for line in maps), maps
print("mapped", flush=True)
ctypes.memset(int(maps[0].split("-")[0], 16) + 8, 0, 8)
print("wrote", flush=True)
"""


def test_reader_cannot_write(directory: Path) -> None:
    with QuoteWriter.open(directory, Role.INTERNAL) as writer:
        before = writer.path.read_bytes()[:16]
        result = subprocess.run(
            [sys.executable, "-c", READ_ONLY_READER, str(directory)], capture_output=True, text=True, check=False
        )
        assert result.stdout == "mapped\n"
        assert result.returncode == -signal.SIGSEGV
        assert writer.path.read_bytes()[:16] == before


def flip(offset: int) -> Callable[[bytes], bytes]:
    return lambda image: image[:offset] + bytes([image[offset] ^ 1]) + image[offset + 1 :]


@pytest.mark.parametrize(
    ("damage", "refusal"),
    [
        (flip(0), WrongMagic),
        (flip(8), WrongVersion),
        (flip(12), WrongLayout),
        (lambda image: image[:-1], WrongSize),
        (lambda image: image + b"\0", WrongSize),
        (lambda _: b"", WrongSize),
    ],
    ids=["magic", "major", "checksum", "truncated", "too long", "empty"],
)
def test_each_wrong_file_is_refused_by_its_own_error(
    directory: Path, damage: Callable[[bytes], bytes], refusal: type[Exception]
) -> None:
    QuoteWriter.open(directory, Role.INTERNAL).close()
    path = directory / Role.INTERNAL.file_name
    image = path.read_bytes()
    path.unlink()
    path.write_bytes(damage(image))
    with pytest.raises(refusal, match=r"restart|same|check the path"):
        QuoteReader.open(directory)


def test_link_in_place_of_the_file_is_not_followed(directory: Path) -> None:
    QuoteWriter.open(directory / "real", Role.INTERNAL).close()
    (directory / Role.INTERNAL.file_name).symlink_to(directory / "real" / Role.INTERNAL.file_name)
    with pytest.raises(NotATable, match="symbolic links"):
        QuoteReader.open(directory)


BUILDS: dict[str, tuple[str, Callable[[], Path]]] = {
    "c": (COMPILER, partial(program, EXAMPLES / "shm_reader.c")),
    "c++": (CPP_COMPILER, partial(program_in_cpp, EXAMPLES / "shm_reader.c")),
    "rust": ("cargo", partial(crate, EXAMPLES / "rust")),
}


@pytest.fixture(params=BUILDS)
def example(request: pytest.FixtureRequest) -> Path:
    """The reader that prints a table, in each language."""
    tool, build = BUILDS[request.param]
    if shutil.which(tool) is None:
        pytest.skip(f"needs {tool}")
    return build()


@contextmanager
def beating(writer: QuoteWriter) -> Iterator[None]:
    """Beat while another process is waited for, however long it takes to start."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(0.02):
            writer.beat()

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("counts", [CONTRACT, *SIZED], ids=lambda counts: f"{counts.entries}-{counts.slots}")
def test_example_reads_what_python_reads_from_a_running_table(
    example: Path, directory: Path, counts: TableCounts
) -> None:
    first = 0 if counts.is_contract else counts.entries - 40
    with QuoteWriter.open(directory, Role.INTERNAL, counts=counts) as writer, QuoteReader.open(directory) as quotes:
        for number in range(0, 40, 3):
            writer.assign(first + number, bytes([number]) + A[1:], B)
            writer.publish(
                first + number,
                input_amount=number + 1,
                output_amount=2**63 - number - 1,
                ts_ns=1,
                slot=7,
                price_impact_ppm=number,
            )
        expected = [
            f"{row_of_index(quote.index)} {quote.input_amount} {quote.output_amount} {quote.slot} "
            f"{quote.price_impact_ppm} {int(quote.flags)} {quote.input_mint.hex()} {quote.output_mint.hex()}"
            for quote in quotes
        ]
        with beating(writer):
            shown = subprocess.run(
                [str(example), str(writer.path), "0", str(2**62)], capture_output=True, text=True, check=True
            )
            old = subprocess.run([str(example), str(writer.path)], capture_output=True, text=True, check=True)
        assert shown.stdout.splitlines() == expected
        assert len(expected) == 14
        assert old.stdout == ""  # of 1970, so not to be acted on
        assert shown.stderr == old.stderr == ""
    closed = subprocess.run(
        [str(example), str(writer.path), "0", str(2**62)], capture_output=True, text=True, check=True
    )
    assert closed.stdout == ""
    assert "the writer is not live" in closed.stderr


@pytest.mark.parametrize("counts", [CONTRACT, *SIZED], ids=lambda counts: f"{counts.entries}-{counts.slots}")
def test_example_follows_another_process(example: Path, directory: Path, counts: TableCounts) -> None:
    with (
        writing(directory, 0, counts),
        subprocess.Popen(
            [str(example), str(directory / Role.INTERNAL.file_name), "60"], stdout=subprocess.PIPE, text=True
        ) as following,
    ):
        try:
            assert following.stdout is not None
            lines = [following.stdout.readline().split() for _ in range(50)]
        finally:
            following.kill()
    amounts = [int(line[2]) for line in lines]
    assert amounts == sorted(set(amounts))
    assert {(line[0], line[6], line[7]) for line in lines} == {("0", A.hex(), B.hex())}


def test_example_says_why_it_refuses_a_file(example: Path, directory: Path) -> None:
    path = directory / Role.INTERNAL.file_name
    QuoteWriter.open(directory, Role.INTERNAL).close()
    image = path.read_bytes()
    refusals = []
    for damaged in (None, image[:-1], flip(0)(image), flip(8)(image), flip(12)(image)):
        path.unlink()
        if damaged is not None:
            path.write_bytes(damaged)
        else:
            path.symlink_to("elsewhere")
        refusals.append(subprocess.run([str(example), str(path)], capture_output=True, text=True, check=False))
    directory.chmod(0o777)
    refusals.append(subprocess.run([str(example), str(path)], capture_output=True, text=True, check=False))
    refusals.append(
        subprocess.run([str(example), str(directory / "none")], capture_output=True, text=True, check=False)
    )
    assert [refusal.returncode for refusal in refusals] == [1] * 7
    assert all(refusal.stderr.startswith(f"cannot attach to {directory}") for refusal in refusals)


@pytest.mark.parametrize("damage", [flip(0), flip(8), flip(12), flip(64), flip(69), lambda image: image[:-8]])
def test_example_refuses_counts_that_do_not_describe_their_file(
    example: Path, directory: Path, damage: Callable[[bytes], bytes]
) -> None:
    path = directory / Role.INTERNAL.file_name
    QuoteWriter.open(directory, Role.INTERNAL, counts=SIZED[0]).close()
    path.write_bytes(damage(path.read_bytes()))
    refusal = subprocess.run([str(example), str(path)], capture_output=True, text=True, check=False)
    assert refusal.returncode == 1
    assert refusal.stderr.startswith(f"cannot attach to {path}")


def test_header_names_every_field_at_its_offset() -> None:
    header = (Path(layout.__file__).parent / "solquote_shm.h").read_text()
    for record in layout.RECORDS:
        for field in record.fields:
            assert re.search(rf"offsetof\(sq_{record.name}, {field.name}\) == {field.offset},", header)


STANDALONE = """
import json, sys
sys.modules["numpy"] = None
from pathlib import Path
from shm import NumpyMissing, QuoteReader
with QuoteReader.open(Path(sys.argv[1])) as quotes:
    try:
        quotes.snapshot()
    except NumpyMissing as error:
        print(json.dumps([str(error), [quote.output_amount for quote in quotes], sorted(
            name for name in sys.modules if name.split(".")[0] in (
                "quote_core", "aggregator", "pipeline", "solquote", "local_quote", "external_quote", "aiohttp", "grpc"
            ))]))
"""


def test_package_needs_nothing_else_of_the_project_and_no_numpy(directory: Path) -> None:
    with QuoteWriter.open(directory, Role.INTERNAL) as writer:
        writer.assign(0, A, B)
        writer.publish(0, input_amount=1, output_amount=5, ts_ns=1)
        result = subprocess.run(
            [sys.executable, "-c", STANDALONE, str(directory)], capture_output=True, text=True, check=True
        )
    message, amounts, others = json.loads(result.stdout)
    assert "install numpy" in message
    assert amounts == [5]
    assert others == []


CONTENDER = """
import sys
from pathlib import Path
from shm import QuoteWriter, Role, SecondWriter

sys.stdin.readline()
try:
    writer = QuoteWriter.open(Path(sys.argv[1]), Role.INTERNAL)
except SecondWriter:
    print("refused", flush=True)
else:
    print("writes", flush=True)
    sys.stdin.readline()
"""


def test_of_many_writers_that_start_together_one_wins(directory: Path) -> None:
    contenders = [
        subprocess.Popen(
            [sys.executable, "-c", CONTENDER, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(6)
    ]
    try:
        for process in contenders:
            order(process, "go")
        answers = [process.stdout.readline().strip() for process in contenders if process.stdout]
    finally:
        for process in contenders:
            process.communicate("stop\n")
    assert sorted(answers) == ["refused"] * 5 + ["writes"]
    assert list(directory.iterdir()) == [directory / Role.INTERNAL.file_name]
