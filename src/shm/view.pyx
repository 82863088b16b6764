"""The reused view: typed access to a private copy of one entry, without making an object for it."""

from shm._clock cimport unix_ns
from shm.layout cimport *

from shm.errors import NoQuote
from shm.layout import Flag
from shm.values import Quote


cdef class QuoteView:
    """A view that its owner fills again at the next read; `quote()` returns an object that stays.

    Amounts are in the token's smallest unit.
    """

    cdef int require_copy(self) except -1:
        if not self.has_copy:
            raise NoQuote(repr(self))
        return 0

    cdef object to_quote(self):
        return Quote(
            index=self.index,
            input_mint=(<const char *>self.entry.input_mint)[:SQ_MINT_BYTES],
            output_mint=(<const char *>self.entry.output_mint)[:SQ_MINT_BYTES],
            input_amount=self.entry.input_amount,
            output_amount=self.entry.output_amount,
            ts_ns=self.entry.ts_ns,
            oracle_price=self.entry.oracle_price,
            route_id=self.entry.route_id,
            slot=self.entry.slot,
            dex_id=self.entry.dex_id,
            source=self.entry.source,
            flags=Flag(self.entry.flags),
            price_impact_ppm=self.entry.price_impact_ppm,
            confidence_bps=self.entry.confidence_bps,
            ttl_slots=self.entry.ttl_slots,
            version=self.entry.version,
        )

    def quote(self):
        """Return a fresh, frozen copy of what the view shows."""
        self.require_copy()
        return self.to_quote()

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
        """Unix time the quote was made."""
        self.require_copy()
        return self.entry.ts_ns

    @property
    def age_ns(self):
        """Age of the quote now, by this machine's wall clock."""
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
        """Bits of `Flag`, as an int."""
        self.require_copy()
        return self.entry.flags

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

