"""Both files of a directory: attach what has come, let go of what was replaced, sleep until something is announced."""

from cpython.exc cimport PyErr_CheckSignals

from shm._clock cimport coarse_mono_ns
from shm._futex cimport sq_sleep
from shm.layout cimport *
from shm.protocol cimport *

from shm import files
from shm.errors import NotThereYet, ShmError
from shm.layout import Role

cdef int64_t LOOK_PERIOD_NS = 20_000_000


cdef class Tables:
    """The tables of both roles, each None while its file is not there."""

    def __cinit__(self, directory, owner_uid):
        self.directory = directory
        self.owner_uid = owner_uid
        self.by_role = [None] * ROLES
        self.faults = [None] * ROLES
        self.tend(coarse_mono_ns())
        for fault in self.faults:
            if fault is not None and not self.attached():
                raise fault

    def path(self, role):
        """Path of a role's file."""
        return self.directory / role.file_name

    def attached(self):
        """The tables that are there, internal first."""
        return [table for table in self.by_role if table is not None]

    @property
    def scan_count(self):
        """Full scans made by polls."""
        return self.past_scans + sum(table.scan_count() for table in self.attached())

    @property
    def busy_count(self):
        """Reads that found no whole copy within their bound."""
        return self.past_busy + sum(table.busy_count for table in self.attached())

    def close(self):
        """Let go of both files for good."""
        cdef int role
        self.closed = True
        for role in range(ROLES):
            self.let_go(role)

    cdef int tend(self, int64_t now_ns) except -1:
        """Attach what has come, let go of what was replaced; looks at most every 20 ms."""
        cdef int role
        cdef Table table
        if now_ns < self.next_look_ns or self.closed:
            return 0
        self.next_look_ns = now_ns + LOOK_PERIOD_NS
        for role in range(ROLES):
            table = self.by_role[role]
            if table is None:
                self.attach(role)
            elif not table.mapping.look_at_heartbeat(now_ns) and table.mapping.is_replaced():
                self.attach(role)
        return 0

    cdef int attach(self, int role) except -1:
        """Take the role's file; what was mapped before stays until a successor is there.

        What is wrong with it is kept in `faults`: one bad file takes nothing from the other.
        """
        cdef Table table
        try:
            files.check_trusted(self.directory, owner_uid=self.owner_uid)
            table = Table(self.path(Role(role)), role)
        except (FileNotFoundError, NotThereYet):
            self.faults[role] = None
            return 0
        except ShmError as fault:
            self.faults[role] = fault
            return 0
        self.faults[role] = None
        self.let_go(role)
        self.by_role[role], self.words[role], self.followers[role] = table, table.words, table.follower
        self.ends[role], self.shapes[role], self.first_indexes[role] = table.end, table.shape, table.first_index
        self.is_sized = not all([(<Table>table).is_contract for table in self.attached()])
        self.attach_count += 1
        table.mapping.look_at_heartbeat(coarse_mono_ns())
        return 0

    cdef int let_go(self, int role) except -1:
        """Forget a file; handles that still hold it find it not live from now on."""
        cdef Table table = self.by_role[role]
        if table is not None:
            table.mapping.live_until_ns = 0
            self.past_scans += table.scan_count()
            self.past_busy += table.busy_count
        self.by_role[role], self.words[role], self.followers[role] = None, NULL, NULL
        return 0

    cdef int file_bit(self, const uint64_t *line) noexcept nogil:
        """1 or 2 for an entry in the internal or external mapping of now, 0 for any other."""
        cdef int role
        for role in range(ROLES):
            if self.words[role] != NULL and self.words[role] <= line < self.ends[role]:
                return 1 << role
        return 0

    cdef uint64_t mark(self) noexcept nogil:
        """A number that changes with each announcement and attachment, never zero: nothing new while it stands."""
        cdef uint64_t total = (1 + self.attach_count) << SQ_SEQUENCE_BITS
        cdef int role
        for role in range(ROLES):
            if self.words[role] != NULL:
                total += sq_head(self.words[role])
        return total

    cdef bint has_news(self) noexcept nogil:
        """Whether a poll would look at anything."""
        cdef int role
        for role in range(ROLES):
            if self.words[role] != NULL:
                if self.followers[role].scans == 0 or sq_head(self.words[role]) != self.followers[role].cursor:
                    return True
        return False

    cdef int nap(self, int64_t timeout_ns) except -1:
        """Sleep until a head moves; a writer that comes or a file that is replaced is noticed after it."""
        cdef const uint64_t *maps[ROLES]
        cdef uint64_t heads[ROLES]
        cdef unsigned count = 0
        cdef int role
        for role in range(ROLES):
            if self.words[role] != NULL:
                maps[count] = self.words[role]
                heads[count] = self.followers[role].cursor
                count += 1
        if count < ROLES:
            timeout_ns = min(timeout_ns, LOOK_PERIOD_NS)
        with nogil:
            sq_sleep(maps, heads, count, timeout_ns)
        PyErr_CheckSignals()
        return 0
