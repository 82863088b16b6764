"""Values about quotes that several services share."""

from quote_core.quotes import Provenance, worst_provenance


def test_the_provenance_that_claims_least_stands_for_all() -> None:
    assert worst_provenance([Provenance.CHAIN, Provenance.RECORDED]) is Provenance.RECORDED
    assert worst_provenance([Provenance.PATCHED, Provenance.RECORDED]) is Provenance.PATCHED
    assert worst_provenance([Provenance.PATCHED, Provenance.SYNTHETIC]) is Provenance.SYNTHETIC
