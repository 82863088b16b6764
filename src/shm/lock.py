"""The writer's lock: an open-file-description write lock on byte 0, held for the writer's life.

The kernel drops it on any death of its holder, so unlike a process id it cannot lie; and a reader can ask for it
through its read-only descriptor without taking it.
"""

import fcntl
import struct

FLOCK = struct.Struct("hhqqi4x")  # struct flock of 64-bit Linux: type, whence, start, length, pid
FIRST_BYTE = (0, 0, 1, 0)


def take(descriptor: int) -> bool:
    """Take the lock for as long as the descriptor is open; False when somebody else holds it."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, FLOCK.pack(fcntl.F_WRLCK, *FIRST_BYTE))
    except BlockingIOError:
        return False
    return True


def is_held(descriptor: int) -> bool:
    """Whether another open file description holds the lock."""
    answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, FLOCK.pack(fcntl.F_WRLCK, *FIRST_BYTE))
    return bool(FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)
