"""Mends of docs/trust-proofs.md by what breaks without each: text of the present source, what stood there, the test.

Each gives the old behaviour back with the smallest change, where the old code itself cannot be asked: its modules have
other shapes, or what is wrong with it needs a state that nothing outside brings about. The rules of the kill switch and
of the shared-memory table have tables of their own (`fakes.switch_mutants`, `prove.lapping`, `prove.necessities`),
which `make test` goes through every time.
"""

from dataclasses import dataclass
from typing import Final

__all__ = ["MENDS", "Edit", "Mend"]


@dataclass(frozen=True, slots=True)
class Edit:
    """`present` stands exactly once in `file`, below `src`; `without` takes its place."""

    file: str
    present: str
    without: str


@dataclass(frozen=True, slots=True)
class Mend:
    """What was mended, how to take it out again, and which test then says what.

    Attributes:
        number: As in docs/trust-proofs.md.
        rule: What holds with it.
        edits: All at once.
        test: Below `tests/`.
        says: Text of the failure; a test that fails in another way shows nothing.
        is_compiled: Whether the extensions must be built anew.
    """

    number: str
    rule: str
    edits: tuple[Edit, ...]
    test: str
    says: str
    is_compiled: bool = False


_MARKET: Final = "unit/local_quote/test_market.py"
_ROWS: Final = "unit/aggregator/test_rows.py"
_RPC: Final = "unit/quote_core/solana/test_rpc.py"
_JUPITER: Final = "unit/external_quote/providers/test_jupiter.py"
_SHM_PROOF: Final = "integration/test_shm_proof.py"
_ARRAYS: Final = "unit/quote_core/dex/test_arrays_follow_amounts.py"

MENDS: Final = (
    Mend(
        "trust 3",
        "a call takes a fresh pool before a stale one that gives more",
        (
            Edit(
                "local_quote/quoter.py",
                "            if winner is not None and self.is_stale(entry) and not self.is_stale(winner):\n"
                "                break\n",
                "",
            ),
        ),
        f"{_MARKET}::test_a_fresh_pool_is_quoted_before_a_stale_one_that_gives_more",
        "== {'poor'}",
    ),
    Mend(
        "trust 3",
        "a row takes a fresh pool before a stale one that gives more",
        (
            Edit(
                "local_quote/quote_rows.pyx",
                "            if best != NULL and bid.is_stale and not best.is_stale:\n                break\n",
                "",
            ),
        ),
        f"{_MARKET}::test_a_fresh_pool_is_quoted_before_a_stale_one_that_gives_more",
        "== {'poor'}",
        is_compiled=True,
    ),
    Mend(
        "trust 4",
        "an oracle price that nobody vouches for takes no part in a score",
        (
            Edit(
                "aggregator/oracle.py",
                "input_price.usd / output_price.usd if age_ns <= self._stale_after_ns else None",
                "input_price.usd / output_price.usd",
            ),
        ),
        "unit/aggregator/test_selection.py::test_an_hour_after_the_oracle_died_nothing_is_executed_on_its_price",
        "assert 140.0 is None",
    ),
    Mend(
        "trust 5",
        "a chain clock that moves ends what was cached of the pools it reprices",
        (
            Edit(
                "local_quote/market.py",
                "        touched |= self._moved_by_time(clock_before)\n"
                "        self._forget_responses(touched)\n"
                "        changed = self._pools_changed(touched)\n",
                "        self._forget_responses(touched)\n"
                "        changed = self._pools_changed(touched | self._moved_by_time(clock_before))\n",
            ),
        ),
        f"{_MARKET}::test_both_legs_of_a_pair_are_priced_at_one_time_of_the_chain",
        "<",
    ),
    Mend(
        "trust 5",
        "a pool that joins ends what was cached of its pair",
        (
            Edit(
                "local_quote/market.py",
                "        touched = done.changed_pools | self._restood(done.judged_pools | doubted)\n",
                "        touched = done.changed_pools\n"
                "        self._pools_changed(self._restood(done.judged_pools | doubted))\n",
            ),
        ),
        f"{_MARKET}::test_a_pool_that_joins_ends_what_was_cached_of_its_pair",
        "assert 'p' == 'q'",
    ),
    Mend(
        "trust 6",
        "a read counts only for the watch it was asked for",
        (
            Edit(
                "quote_core/solana/feed_protocol.py",
                "        if self._reading.get(pubkey) == reading:\n            del self._reading[pubkey]\n",
                "        if pubkey in self._numbers:\n            self._reading.pop(pubkey, None)\n",
            ),
        ),
        "unit/quote_core/solana/test_feed_protocol.py::test_a_read_counts_only_for_the_watch_it_was_asked_for",
        "assert 'a' not in {'a'}",
    ),
    Mend(
        "trust 11",
        "an account that is still being added up is published to no one",
        (
            Edit("pipeline/auditor/app.py", "        await books.caught_up.wait()\n", ""),
            Edit(
                "pipeline/auditor/app.py",
                "        if not books.caught_up.is_set():  # the stream was made anew meanwhile\n"
                "            continue\n",
                "",
            ),
        ),
        "integration/test_auditor.py"
        "::test_a_restarted_auditor_publishes_no_account_before_it_has_added_up_the_whole_history",
        "Extra items in the left set",
    ),
    Mend(
        "trust 12",
        "a state that is only written again is no release",
        (
            Edit(
                "pipeline/system_manager/manager.py",
                "is_release = event.state is TradingState.ACTIVE and since_unix_ns != self._armed_unix_ns\n",
                'is_release = event.state is TradingState.ACTIVE and event.revision != getattr(self, "_armed", None)\n'
                "        self._armed = event.revision\n",
            ),
        ),
        "integration/test_manager_rules.py::test_a_state_that_is_written_again_keeps_the_peak",
        "never came true",
    ),
    Mend(
        "trust 15",
        "what a log of endings owes is known again after a kill",
        (
            Edit(
                "pipeline/executor/result_log.py",
                "                    self._owed = _read(self._path)\n",
                "                    self._owed = {}\n",
            ),
        ),
        "integration/test_executor_process.py"
        "::test_a_fill_outlasts_the_loss_of_the_bus_and_a_kill_before_it_was_stored",
        "ABANDONED",
    ),
    Mend(
        "trust 8",
        "a deadline holds though the NATS client keeps the cancellation to itself",
        (
            Edit(
                "quote_core/bus/reconnection.py",
                "                    raise\n                heed_cancellation()\n",
                "                    raise\n",
            ),
        ),
        "unit/quote_core/bus/test_reconnection.py::test_a_deadline_ends_the_wait_for_nats",
        "the deadline was forgotten",
    ),
    Mend(
        "trust 16",
        "a JetStream that takes nothing is not healthy",
        (
            Edit(
                "solquote/supervisor/nats_server.py",
                "            fault = await _fault(dialled(nats.monitor_host), nats.monitor_port)\n",
                '            fault = ""\n',
            ),
        ),
        "integration/test_full_disk.py"
        "::test_a_server_that_lost_its_disk_is_unhealthy_and_started_again_when_there_is_room",
        "await until(lambda: is_in(ProcessState.UNHEALTHY))",
    ),
    Mend(
        "trust 16",
        "a JetStream that takes nothing though there is room is started again",
        (
            Edit(
                "solquote/supervisor/child.py",
                "elif now_mono_ns - mending_from_mono_ns >= MEND_AFTER_NS and not self._stopping.is_set():",
                "elif False:",
            ),
        ),
        "integration/test_full_disk.py"
        "::test_a_server_that_lost_its_disk_is_unhealthy_and_started_again_when_there_is_room",
        "await until(lambda: is_in(ProcessState.HEALTHY)",
    ),
    Mend(
        "trust 18",
        "a client that holds a watched amount keeps it when the platform's row goes on",
        (
            Edit(
                "aggregator/rows.py",
                "            if key not in arriving and self._holder_counts[key]:\n"
                "                self._add_or_forget(key)\n",
                "            pass\n",
            ),
        ),
        f"{_ROWS}::test_client_that_holds_the_old_amount_gets_it_under_another_number",
        "assert",
    ),
    Mend(
        "trust 18",
        "a move is done although clients have filled the table",
        (
            Edit(
                "aggregator/rows.py",
                "            for counts in (self._holder_counts, *self._held_by.values(), "
                "*(hold.keys for hold in self._holds)):\n"
                "                counts.pop(key, None)\n",
                '            raise TooManyQuotes("amounts not watched", 1, 0)\n',
            ),
        ),
        f"{_ROWS}::test_platform_moves_even_when_clients_have_filled_the_table",
        "TooManyQuotes",
    ),
    Mend(
        "trust 18",
        "a client's exit ends no watched row",
        (
            Edit(
                "aggregator/rows.py",
                "if not self._holder_counts[key] and not self._is_watched(key):",
                "if not self._holder_counts[key]:",
            ),
        ),
        f"{_ROWS}::test_watched_row_outlives_every_client_that_shares_it",
        "assert",
    ),
    Mend(
        "trust 18",
        "trading rows are the registry's alone",
        (Edit("aggregator/rows.py", "        self._never_given = watched_count\n", "        self._never_given = 0\n"),),
        f"{_ROWS}::test_clients_rows_never_get_a_number_of_the_platforms_own",
        "assert",
    ),
    Mend(
        "trust 18",
        "a client has a quota",
        (Edit("aggregator/rows.py", "if own_count > self._client_rows_max:", "if own_count > self._count_max:"),),
        f"{_ROWS}::test_client_cannot_take_more_than_its_share_and_others_still_get_theirs",
        "DID NOT RAISE",
    ),
    Mend(
        "trust 19",
        "a provider's redirect is not followed",
        (Edit("quote_core/outside_api.py", "allow_redirects=False", "allow_redirects=True"),),
        f"{_JUPITER}::test_redirect_takes_neither_question_nor_key_to_another_host",
        "assert ['secret'] == []",
    ),
    Mend(
        "trust 19",
        "a node's redirect is not followed",
        (Edit("quote_core/solana/rpc.py", "allow_redirects=False", "allow_redirects=True"),),
        f"{_RPC}::test_a_redirect_is_not_followed",
        "DID NOT RAISE",
    ),
    Mend(
        "trust 19",
        "accounts of one answer unpack to so much together and no more",
        (
            Edit(
                "quote_core/solana/codec.py",
                "        self._room_bytes -= 0 if account is None else len(account.data)\n",
                "",
            ),
        ),
        f"{_RPC}::test_an_answer_that_unpacks_to_too_much_is_refused_in_whole",
        "DID NOT RAISE",
    ),
    Mend(
        "trust 19",
        "one refused request leaves the accounts of the others",
        (
            Edit(
                "quote_core/solana/rpc.py",
                "            except UpstreamError as error:\n                fault = fault or error\n"
                "        if fault is None:\n            return updates\n"
                '        raise PartlyRead("getMultipleAccounts", updates, fault) if updates else fault\n',
                "            except UpstreamError:\n                raise\n        return updates\n",
            ),
        ),
        f"{_RPC}::test_one_refused_request_leaves_the_accounts_of_the_others",
        "RpcFailed",
    ),
    Mend(
        "trust 19",
        "one account that cannot be read leaves the others",
        (
            Edit(
                "quote_core/solana/rpc.py",
                '                fault = fault or RpcFailed(method, f"account {pubkey}: {error.reason}")\n',
                '                raise RpcFailed(method, f"account {pubkey}: {error.reason}") from None\n',
            ),
        ),
        f"{_RPC}::test_one_account_that_cannot_be_read_leaves_the_others",
        "RpcFailed",
    ),
    Mend(
        "trust 19",
        "no call is made while the node wants none",
        (
            Edit(
                "quote_core/solana/rpc.py",
                "        while health.pause_ns:\n",
                "        while False:\n",
            ),
        ),
        f"{_RPC}::test_no_call_is_made_while_the_node_wants_none",
        "DID NOT RAISE",
    ),
    Mend(
        "trust 19",
        "a node that refuses to tell origins, in whatever way, is an ordinary one",
        (
            Edit(
                "quote_core/solana/rpc.py",
                "                if self._knows_provenance:\n                    raise\n",
                "                raise\n",
            ),
        ),
        f"{_RPC}::test_a_node_that_refuses_the_question_in_any_way_is_an_ordinary_one",
        "RpcFailed",
    ),
    Mend(
        "trust 19",
        "a slot that no chain reaches is refused",
        (Edit("quote_core/outside.py", "SLOT_MAX: Final = 2**48 - 1\n", "SLOT_MAX: Final = 2**64\n"),),
        f"{_RPC}::test_a_slot_no_chain_reaches_is_refused",
        "DID NOT RAISE",
    ),
    Mend(
        "truth 3",
        "a hot line of another generation is not put beside the mints of the one before",
        (
            Edit(
                "shm/table.pyx",
                "            if not self.read_hot(local, &hot):\n",
                "            if not self.read_hot(local, copy):\n",
            ),
            Edit(
                "shm/table.pyx",
                "            if sq_generation(hot.version) == generation:\n"
                "                memcpy(copy, &hot, SQ_HOT_BYTES)\n",
                "            if sq_generation(copy.version) == generation:\n",
            ),
        ),
        f"{_SHM_PROOF}::test_a_reader_with_room_for_half_an_entry_shows_no_pair_with_anothers_amounts[layout]",
        "foreign_count",
        is_compiled=True,
    ),
    Mend(
        "truth 3",
        "a handle tells nothing of an entry that has gone to another pair",
        (
            Edit(
                "shm/handle.pyx",
                "        if sq_generation(self.entry.version) != self.generation "
                "or self.entry.input_amount != self.amount:\n",
                "        if self.entry.input_amount != self.amount:\n",
            ),
        ),
        f"{_SHM_PROOF}::test_a_handle_whose_entry_was_given_away_between_its_reads_tells_nothing[identity]",
        "Quote(0: 1 of 4vJ9",
        is_compiled=True,
    ),
    Mend(
        "truth 3",
        "a handle tells nothing of an entry that has gone to another amount",
        (
            Edit(
                "shm/handle.pyx",
                "        if sq_generation(self.entry.version) != self.generation "
                "or self.entry.input_amount != self.amount:\n",
                "        if sq_generation(self.entry.version) != self.generation:\n",
            ),
        ),
        f"{_SHM_PROOF}::test_a_handle_whose_entry_was_given_away_between_its_reads_tells_nothing[amount]",
        "Quote(0: 2 of 4vJ9",
        is_compiled=True,
    ),
    Mend(
        "truth 9",
        "a walk or ladder that ran out of arrays asks for one more",
        (
            Edit(
                "quote_core/dex/concentrated.py",
                "        self._reach[downwards] = max(self._reach[downwards], count)\n",
                "",
            ),
        ),
        f"{_ARRAYS}::test_a_walk_that_runs_out_asks_for_the_array_it_lacked",
        "assert",
    ),
)
