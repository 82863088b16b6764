"""Answers read again without a connection: of every provider that can be configured, and of nobody else."""

import pytest
from fakes.explained_answer import jupiter_body
from fakes.provider_quotes import KEY

from external_quote.providers.reading import read_provider_answer
from external_quote.settings import ExternalQuoteSettings
from quote_core.errors import LayoutMismatch


@pytest.mark.parametrize("provider", sorted(ExternalQuoteSettings().urls()))
def test_every_provider_that_can_be_configured_is_read(provider: str) -> None:
    with pytest.raises(LayoutMismatch, match=f"^{provider}: answer is not"):
        read_provider_answer(provider, KEY, b"{}")


def test_an_answer_is_read_as_when_it_came() -> None:
    quote = read_provider_answer("jupiter", KEY, jupiter_body(KEY))
    assert (quote.output_amount, quote.slot) == (KEY.input_amount // 10, 4242)
    with pytest.raises(LayoutMismatch, match="another pair or amount"):
        read_provider_answer("jupiter", KEY._replace(input_amount=1), jupiter_body(KEY))


def test_a_provider_that_nobody_knows_is_told_by_name() -> None:
    with pytest.raises(LayoutMismatch, match="elsewhere: is no provider whose answers are read here"):
        read_provider_answer("elsewhere", KEY, b"{}")
