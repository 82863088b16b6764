"""What has come and is not priced yet."""

import asyncio

from local_quote.refresh import UpdateInbox
from quote_core.solana import AccountUpdate, UpdateSource


def update(pubkey: str, slot: int) -> AccountUpdate:
    return AccountUpdate(pubkey, slot, None, 0, UpdateSource.NOTIFICATION)


async def test_updates_that_come_together_are_taken_together_the_newest_of_each_account() -> None:
    inbox = UpdateInbox()
    inbox.put(update("a", 1))
    inbox.put(update("b", 1))
    inbox.put(update("a", 2))
    assert await inbox.take() == [update("a", 2), update("b", 1)]


async def test_an_update_that_follows_at_once_is_waited_for() -> None:
    inbox = UpdateInbox()
    taking = asyncio.create_task(inbox.take())
    inbox.put(update("a", 1))
    await asyncio.sleep(0)  # the taker wakes and begins to settle
    inbox.put(update("b", 1))
    assert await taking == [update("a", 1), update("b", 1)]


async def test_a_stream_without_pauses_is_taken_all_the_same() -> None:
    inbox = UpdateInbox()

    async def keep_coming() -> None:
        slot = 0
        while True:
            slot += 1
            inbox.put(update("a", slot))
            await asyncio.sleep(0)

    coming = asyncio.create_task(keep_coming())
    async with asyncio.timeout(60):
        assert len(await inbox.take()) == 1
    coming.cancel()


async def test_nothing_is_taken_twice() -> None:
    inbox = UpdateInbox()
    inbox.put(update("a", 1))
    await inbox.take()
    inbox.put(update("b", 1))
    assert await inbox.take() == [update("b", 1)]
