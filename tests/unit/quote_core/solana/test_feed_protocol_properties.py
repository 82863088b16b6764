"""However updates arrive, those handed out of one account never go back."""

from hypothesis import given
from hypothesis import strategies as st

from quote_core.solana.accounts import AccountUpdate, UpdateSource
from quote_core.solana.feed_protocol import FeedProtocol

UPDATES = st.lists(
    st.builds(
        AccountUpdate,
        pubkey=st.sampled_from(["a", "b", "unwatched"]),
        slot=st.integers(0, 5),
        account=st.none(),
        received_mono_ns=st.just(0),
        source=st.sampled_from(UpdateSource),
    ),
    max_size=30,
)


@given(UPDATES)
def test_slots_handed_out_never_fall_and_every_update_is_accounted_for(updates: list[AccountUpdate]) -> None:
    feed = FeedProtocol()
    feed.watch(["a", "b"])
    accepted = feed.accept(updates)
    for pubkey in ("a", "b"):
        order = [(update.slot, update.source.value) for update in accepted if update.pubkey == pubkey]
        assert order == sorted(order)
    unwanted_count = sum(update.pubkey == "unwatched" for update in updates)
    assert len(updates) == len(accepted) + feed.counts.older_dropped_count + unwanted_count
    assert not any(update.pubkey == "unwatched" for update in accepted)
