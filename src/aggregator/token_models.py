"""What is told of tokens, in the names of Jupiter's token APIs: their first has snake case, their second camel case."""

from typing import Any

from pydantic import BaseModel, Field

__all__ = ["TokenAnswer", "TokenInformation"]


class TokenAnswer(BaseModel):
    """A registered token, as Jupiter's first token API tells it; what the registry does not know is null."""

    address: str = Field(description="Mint, base58")
    name: str = Field(description="The symbol: the registry has no longer name")
    symbol: str
    decimals: int
    logoURI: None = None  # noqa: N815  # as published
    tags: list[str] = Field(description="`verified`: it is registered here; `lst` of a staking token")
    daily_volume: None = None
    created_at: None = None
    minted_at: None = None
    freeze_authority: None = None
    mint_authority: None = None
    permanent_delegate: None = None
    extensions: dict[str, Any] = Field(description="Empty")


class TokenInformation(BaseModel):
    """A registered token, as Jupiter's second token API tells it, with what the registry knows."""

    id: str = Field(description="Mint, base58")
    name: str = Field(description="The symbol: the registry has no longer name")
    symbol: str
    icon: None = None
    decimals: int
    tags: list[str] = Field(description="`verified`: it is registered here; `lst` of a staking token")
    isVerified: bool = Field(description="True: it is registered here")  # noqa: N815  # as published
