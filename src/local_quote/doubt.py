"""Why what is held of a pool cannot be relied on; only a full answer that was asked for afterwards ends it."""

import enum

__all__ = ["Doubt"]


class Doubt(enum.Enum):
    """What arose."""

    UNREAD = "not read yet"
    UNCONFIRMED = "kept from before the start and not read since"
    UNREADABLE = "an account that cannot be read"
    REFUSED = "an account that the pool refused"
    GONE = "an account that is gone"
    TORN = "a part of what changed it came after the rest was taken for whole"
    CONTRADICTED = "an answer says otherwise than a notification of the same slot"
    WENT_BACK = "a change was taken back"
    ROLLED_BACK = "it changed in a slot that a fork took back"
    LOSSY_FEED = "a change was notified while notifications are being lost"
    IMPOSSIBLE_SLOT = "a slot that the chain cannot have reached"
    REGRESSION = "the node's slots went back"
    OTHER_CHAIN = "the node serves another chain"
