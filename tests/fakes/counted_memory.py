"""What a piece of a test's own code takes of memory, whatever other threads do meanwhile.

Threads that an earlier test left at work (an exporter of traces, a pool of workers) allocate in the same interpreter:
what is counted here is only what was allocated below a frame of the given file.
"""

import contextlib
import gc
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Final

__all__ = ["counted_memory"]

FRAMES: Final = 25
"""How deep below the file's own frame an allocation is still known to be its."""


@contextlib.contextmanager
def counted_memory(file: str) -> Iterator[Callable[[], int]]:
    """Gives a function that says how many bytes are held that were allocated since by code which `file` called."""
    is_ours = tracemalloc.Filter(True, file, all_frames=True)  # the library's own signature
    tracemalloc.start(FRAMES)

    def byte_count() -> int:
        gc.collect()
        return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([is_ours]).traces)

    try:
        yield byte_count
    finally:
        tracemalloc.stop()
