"""What a poll returns: the indexes that changed, without an object for each."""

from cpython.buffer cimport PyBUF_FORMAT, PyBUF_WRITABLE


cdef class Changed:
    """Indexes of changed entries; the next poll reuses it, `list()` or `tuple()` of it stays.

    It is a sequence of ints and offers the buffer protocol (unsigned 16-bit), so `snapshot[changed]` works in NumPy.
    """

    def __len__(self):
        return self.count

    def __bool__(self):
        return self.count != 0

    def __getitem__(self, Py_ssize_t position):
        if position < 0:
            position += self.count
        if not 0 <= position < self.count:
            raise IndexError(position)
        return self.indexes[position]

    def __iter__(self):
        cdef uint32_t position
        for position in range(self.count):
            yield self.indexes[position]

    def __repr__(self):
        return f"Changed({list(self)})"

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        if flags & PyBUF_WRITABLE:
            raise BufferError("changed indexes are read-only")
        self.shape = self.count
        self.stride = sizeof(uint16_t)
        buffer.buf = self.indexes
        buffer.format = NULL
        if flags & PyBUF_FORMAT:
            buffer.format = b"H"
        buffer.internal = NULL
        buffer.itemsize = sizeof(uint16_t)
        buffer.len = self.count * sizeof(uint16_t)
        buffer.ndim = 1
        buffer.obj = self
        buffer.readonly = 1
        buffer.shape = &self.shape
        buffer.strides = &self.stride
        buffer.suboffsets = NULL
