"""Telegram, by a bot.

The text has no parse mode, so nothing in it is markup. A 429 says in its body how long to wait.

Source: core.telegram.org/bots/api, "sendMessage" (1 to 4,096 characters), "Making requests" and "ResponseParameters".
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from pydantic import SecretStr

from pipeline.notifier.destinations.webhook import Webhook
from pipeline.notifier.wording import Message, shortened
from quote_core.outside import finite
from quote_core.units import NS_PER_S

__all__ = ["Telegram", "asked_in_body", "telegram_content", "telegram_url"]

_TEXT_CHARS_MAX: Final = 4_096
_TITLE_CHARS_MAX: Final = 300
_RETRY_S_MAX: Final = 1e9


class Telegram:
    """See the module; `chat` is the chat's id, or a channel's `@name`."""

    name = "telegram"

    def __init__(self, webhook: Webhook, *, chat: str) -> None:
        self._webhook = webhook
        self._chat = chat

    async def send(self, message: Message) -> str:
        """See `Destination`."""
        await self._webhook.post(telegram_content(message, chat=self._chat))
        return ""


def telegram_url(api: str, token: SecretStr) -> SecretStr:
    """Where a bot's messages are posted."""
    return SecretStr(f"{api.rstrip('/')}/bot{token.get_secret_value()}/sendMessage")


def telegram_content(message: Message, *, chat: str) -> Mapping[str, Any]:
    """A message as Telegram takes it."""
    title = shortened(message.title, _TITLE_CHARS_MAX)
    text = f"{title}\n\n{message.text(_TEXT_CHARS_MAX - _TITLE_CHARS_MAX - 2)}"
    return {"chat_id": chat, "text": text, "link_preview_options": {"is_disabled": True}}


def asked_in_body(body: bytes) -> int | None:
    """How many nanoseconds `parameters.retry_after` asks to wait; None = it does not."""
    try:
        return round(finite(orjson.loads(body)["parameters"]["retry_after"], low=0, high=_RETRY_S_MAX) * NS_PER_S)
    except (ValueError, TypeError, LookupError):
        return None
