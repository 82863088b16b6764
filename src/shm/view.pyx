"""The reused view: typed access to a private copy of one entry, without making an object for it."""

from libc.string cimport memcmp, memcpy

from shm._clock cimport unix_ns
from shm._places cimport role_of
from shm.layout cimport *

from shm.base58 import mint_text
from shm.errors import InvalidMint, NoQuote
from shm.layout import ENTRY, Flag, Role
from shm.reference import encode_record

ROLES = tuple(Role)
FLAGS = tuple(Flag(bits) for bits in range(256))


cdef class QuoteView:
    """A view that its owner fills again at the next read; `quote()` returns an object that stays.

    Amounts are in the token's smallest unit.
    """

    cdef int require_copy(self) except -1:
        if not self.has_copy:
            raise NoQuote(repr(self))
        return 0

    cdef Quote to_quote(self):
        cdef Quote quote = Quote.__new__(Quote)
        quote.entry = self.entry
        quote.index = self.index
        quote.has_copy = True
        return quote

    def quote(self):
        """Return a fresh copy of what the view shows, which no later read changes."""
        self.require_copy()
        return self.to_quote()

    @property
    def role(self):
        """Which file the quote came from."""
        return ROLES[role_of(self.index)]

    @property
    def pair(self):
        """Input and output mint as base58."""
        return mint_text(self.input_mint), mint_text(self.output_mint)

    @property
    def version(self):
        """Write count and, above bit 47, identity generation of the copy."""
        self.require_copy()
        return self.entry.version

    @property
    def input_mint(self):
        """The 32 bytes of the input token's mint."""
        self.require_copy()
        return (<const char *>self.entry.input_mint)[:SQ_MINT_BYTES]

    @property
    def output_mint(self):
        """The 32 bytes of the output token's mint."""
        self.require_copy()
        return (<const char *>self.entry.output_mint)[:SQ_MINT_BYTES]

    @property
    def input_amount(self):
        """Amount sold."""
        self.require_copy()
        return self.entry.input_amount

    @property
    def output_amount(self):
        """Amount bought."""
        self.require_copy()
        return self.entry.output_amount

    @property
    def price(self):
        """Output per input, both in smallest units."""
        self.require_copy()
        return <double>self.entry.output_amount / <double>self.entry.input_amount

    @property
    def ts_ns(self):
        """Unix time at which the quote was last vouched for."""
        self.require_copy()
        return self.entry.ts_ns

    @property
    def age_ns(self):
        """Time since `ts_ns`, by this machine's wall clock; negative when that lies ahead, which is not fresh."""
        self.require_copy()
        return unix_ns() - <int64_t>self.entry.ts_ns

    @property
    def oracle_price(self):
        """NaN when the oracle has none."""
        self.require_copy()
        return self.entry.oracle_price

    @property
    def route_id(self):
        """Hash of the route; the aggregator's API resolves it."""
        self.require_copy()
        return self.entry.route_id

    @property
    def slot(self):
        """Slot of the state the quote rests on."""
        self.require_copy()
        return self.entry.slot

    @property
    def dex_id(self):
        """Venue of the first hop."""
        self.require_copy()
        return self.entry.dex_id

    @property
    def source(self):
        """Provider."""
        self.require_copy()
        return self.entry.source

    @property
    def flags(self):
        """What the writer says of the quote, a `Flag`."""
        self.require_copy()
        return FLAGS[self.entry.flags]

    @property
    def is_valid(self):
        """Whether the entry holds a quote."""
        self.require_copy()
        return bool(self.entry.flags & SQ_FLAG_VALID)

    @property
    def is_stale(self):
        """Whether the writer marked the quote as not to be acted on."""
        self.require_copy()
        return bool(self.entry.flags & SQ_FLAG_STALE)

    @property
    def price_impact_ppm(self):
        """Parts per million."""
        self.require_copy()
        return self.entry.price_impact_ppm

    @property
    def confidence_bps(self):
        """Basis points; see `confidence` for the fraction."""
        self.require_copy()
        return self.entry.confidence_bps

    @property
    def confidence(self):
        """Fraction of one; zero when the writer gave none."""
        self.require_copy()
        return self.entry.confidence_bps / 10_000.0

    @property
    def ttl_slots(self):
        """Slots the quote may be used for."""
        self.require_copy()
        return self.entry.ttl_slots


cdef class Quote(QuoteView):
    """A fresh object: one accepted copy of an entry, equal to another of the same index and content.

    Readers make them; the constructor is for tests of what uses them, and takes every field of `layout.ENTRY`.
    """

    def __init__(self, *, uint32_t index, **fields):
        for mint in (fields["input_mint"], fields["output_mint"]):
            if len(mint) != SQ_MINT_BYTES:
                raise InvalidMint(mint)
        cdef bytes entry = encode_record(ENTRY, fields)
        memcpy(&self.entry, <const char *>entry, SQ_ENTRY_BYTES)
        self.index = index
        self.has_copy = True

    def __eq__(self, other):
        if not isinstance(other, Quote):
            return NotImplemented
        cdef Quote quote = other
        return self.index == quote.index and memcmp(&self.entry, &quote.entry, SQ_ENTRY_BYTES) == 0

    def __hash__(self):
        return hash((self.index, self.entry.version))

    def __reduce__(self):
        return _restored, (self.index, (<const char *>&self.entry)[:SQ_ENTRY_BYTES] if self.has_copy else b"")

    def __repr__(self):
        if not self.has_copy:
            return "Quote(empty)"
        sold, bought = self.pair
        return f"Quote({self.index}: {self.input_amount} of {sold} -> {self.output_amount} of {bought})"


def _restored(uint32_t index, bytes entry):
    """A pickled quote again."""
    cdef Quote quote = Quote.__new__(Quote)
    quote.index = index
    if len(entry) == SQ_ENTRY_BYTES:
        memcpy(&quote.entry, <const char *>entry, SQ_ENTRY_BYTES)
        quote.has_copy = True
    return quote
