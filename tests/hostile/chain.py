"""The chain behind the hostile node: recorded slot by slot from a real node, and shown again at any slot kept.

`Recorder` follows the node before us and completes a block when the slot itself is told, which comes last. `History`
keeps the blocks, so that a node which stands still, lags or was switched for one far behind can be shown honestly:
the accounts of an old slot are those of that slot. `ShownChain` is what one side of such a node shows. Slots of a fork
are slots like others, shown as they were, until the one that takes them back; nobody confirms them.
"""

import asyncio
import base64
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import aiohttp
import orjson
from hostile.faults import Position

from quote_core.dex.pool import Account
from quote_core.units import Pubkey
from recorded_market.ledger import AccountLedger, Block, Commitment

__all__ = ["History", "Recorder", "ShownChain"]

HISTORY_SLOTS_MAX: Final = 3_000
"""At some 30 kB a slot about 100 MB; more than the farthest step back."""
_MESSAGE_SIZE_BYTES_MAX: Final = 64 << 20
_ACCOUNT_CONFIG: Final = {"encoding": "base64", "commitment": "processed"}


class History:
    """The accounts of every slot from the oldest kept to the newest."""

    def __init__(self, slot: int, accounts: Mapping[Pubkey, Account]) -> None:
        self._base_slot = slot
        self._base = dict(accounts)
        self._blocks: deque[Block] = deque()
        self._forked_slots: set[int] = set()

    @property
    def oldest_slot(self) -> int:
        """The first slot that can be shown."""
        return self._base_slot

    @property
    def newest_slot(self) -> int:
        """The last slot recorded."""
        return self._base_slot + len(self._blocks)

    def add(self, block: Block) -> None:
        """Take in the next slot."""
        assert block.slot == self.newest_slot + 1, (block.slot, self.newest_slot)
        self._blocks.append(block)
        if len(self._blocks) > HISTORY_SLOTS_MAX:
            oldest = self._blocks.popleft()
            self._base.update(oldest.changes)
            self._base_slot = oldest.slot
            self._forked_slots.discard(oldest.slot)

    def fork_begins(self, slot: int, slot_count: int) -> None:
        """Slots to come, from `slot` on, are of a fork."""
        self._forked_slots.update(range(slot, slot + slot_count))

    def is_forked(self, slot: int) -> bool:
        """Whether a slot is of a fork, whether or not that was taken back yet."""
        return slot in self._forked_slots

    def block(self, slot: int) -> Block:
        """What one slot changed."""
        return self._blocks[slot - self._base_slot - 1]

    def ledger_at(self, slot: int) -> AccountLedger:
        """A ledger whose newest slot is `slot`."""
        accounts = dict(self._base)
        for block in self._blocks:
            if block.slot > slot:
                break
            accounts.update(block.changes)
        return AccountLedger(Block(slot, accounts))


class ShownChain:
    """The chain as one side of a node, its answers or its feed, shows it."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._jumped = False
        self.slot = history.newest_slot
        self.ledger = history.ledger_at(self.slot)

    def begin(self, position: Position) -> None:
        """Take a position; only one that jumps, or is left by a jump, is there at once."""
        if position.jumps or self._jumped or self.slot < self._history.oldest_slot:
            self.slot = max(self._history.newest_slot - position.lag_slots, self._history.oldest_slot)
            while self._history.is_forked(self.slot) and self.slot > self._history.oldest_slot:
                self.slot -= 1
            self.ledger = self._history.ledger_at(self.slot)
        self._jumped = position.jumps

    def follow(self, position: Position, *, tells_reverts: bool = True) -> Iterator[Mapping[Commitment, Block]]:
        """Move on as far as the position allows; give what each slot newly shows, all of it or no mere reverts."""
        while not position.is_frozen and self.slot < self._history.newest_slot - position.lag_slots:
            self.slot += 1
            block, before = self._history.block(self.slot), dict(self.ledger.taken_back)
            advance = self.ledger.advance_fork if self._history.is_forked(self.slot) else self.ledger.advance
            reached = dict(advance(block.changes))
            if not tells_reverts:
                news = {pubkey: one for pubkey, one in block.changes.items() if before.get(pubkey) != one}
                reached[Commitment.PROCESSED] = replace(reached[Commitment.PROCESSED], changes=news)
            yield reached


class Recorder:
    """Follows a real node; `run` until cancelled. Every account of `owners` is followed.

    `on_slot` gets each slot, once it is part of `history`, with the time of its receipt.
    """

    def __init__(self, *, http_url: str, ws_url: str, owners: Iterable[Pubkey]) -> None:
        self._http_url = http_url
        self._ws_url = ws_url
        self._owners = tuple(owners)
        self._accounts: dict[Pubkey, tuple[int, Account]] = {}
        self._changes: dict[Pubkey, Account] = {}
        self._turn = asyncio.Lock()
        self.history: History | None = None

    async def fork(self, slot_count: int, on_fork: Callable[[int, int], None]) -> int:
        """Let the node fork; give the slot that will take the fork back.

        `on_fork` gets the fork's first slot, and how many there are, before `on_slot` gets any of them: none is taken
        in until the node has said where the fork begins.
        """
        assert self.history is not None
        async with self._turn, aiohttp.ClientSession() as session:
            result = await self._ask(session, "requestFork", [{"slots": slot_count}])
            self.history.fork_begins(result["slot"], slot_count)
            on_fork(result["slot"], slot_count)
        return int(result["slot"]) + slot_count

    async def run(self, on_slot: Callable[[int, int], None]) -> None:
        """Record; raises when the node goes away, for then there is nothing left to stand before.

        Raises:
            ConnectionError: The node closed the feed.
        """
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(self._ws_url, max_msg_size=_MESSAGE_SIZE_BYTES_MAX) as socket,
        ):
            for number, owner in enumerate(self._owners, 1):
                await socket.send_str(_call(number, "programSubscribe", [owner, _ACCOUNT_CONFIG]))
            await socket.send_str(_call(0, "slotSubscribe", []))
            begun_slot = await self._read_all(session)
            async for message in socket:
                note = orjson.loads(message.data)
                if note.get("method") == "programNotification":
                    self._take(note["params"]["result"])
                elif note.get("method") == "slotNotification":
                    async with self._turn:
                        received_mono_ns = time.monotonic_ns()
                        slot = note["params"]["result"]["slot"]
                        if self._complete(slot, begun_slot):
                            on_slot(slot, received_mono_ns)
        raise ConnectionError(f"{self._ws_url}: closed the feed")

    async def _read_all(self, session: aiohttp.ClientSession) -> int:
        """Read every account once; give the newest slot any was read at."""
        newest = 0
        for owner in self._owners:
            config = {**_ACCOUNT_CONFIG, "withContext": True}
            result = await self._ask(session, "getProgramAccounts", [owner, config])
            slot = result["context"]["slot"]
            newest = max(newest, slot)
            for found in result["value"]:
                self._accounts[Pubkey(found["pubkey"])] = slot, _account(found["account"])
        return newest

    async def _ask(self, session: aiohttp.ClientSession, method: str, params: list[object]) -> Any:
        headers = {"Content-Type": "application/json"}
        async with session.post(self._http_url, data=_call(1, method, params), headers=headers) as response:
            return (await response.json())["result"]

    def _take(self, result: Any) -> None:
        pubkey, slot = Pubkey(result["value"]["pubkey"]), result["context"]["slot"]
        account = _account(result["value"]["account"])
        held = self._accounts.get(pubkey)
        if self.history is None and (held is None or held[0] < slot):
            self._accounts[pubkey] = slot, account
        self._changes[pubkey] = account

    def _complete(self, slot: int, begun_slot: int) -> bool:
        changes, self._changes = self._changes, {}
        if self.history is not None:
            self.history.add(Block(slot, changes))
        elif slot >= begun_slot:
            self.history = History(slot, {pubkey: account for pubkey, (_, account) in self._accounts.items()})
        return self.history is not None


def _call(number: int, method: str, params: list[object]) -> str:
    return orjson.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).decode()


def _account(value: Any) -> Account:
    return Account(Pubkey(value["owner"]), base64.b64decode(value["data"][0]), value["lamports"])
