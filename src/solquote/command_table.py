"""Which commands `solquote` has: a command is one line here, and the function or group of that name in its module."""

from dataclasses import dataclass
from typing import Final

__all__ = ["COMMANDS", "Command"]


@dataclass(frozen=True, slots=True)
class Command:
    """A command, known by its line; its module is imported when it is run, completed or asked for help."""

    name: str
    module: str
    """In `solquote.commands`; what it defines under the command's name, `-` as `_`, is run."""
    summary: str
    """For the list of commands, which is 80 columns wide; the function's docstring says more."""
    takes_negative_numbers: bool = False
    """Whether -1 is a wrong amount rather than an unknown option."""


COMMANDS: Final = (
    Command("up", "up", "Run the whole platform until told to stop"),
    Command("status", "status", "Every process that runs, and the kill switch"),
    Command("quote", "quote", "One quote from both sources", takes_negative_numbers=True),
    Command("explain", "explain", "What a quote or an event rested on, worked out anew"),
    Command("watch", "watch", "Every watched pair from shared memory, live"),
    Command("top", "top", "The web page's overview in this terminal, live"),
    Command("pools", "pools", "Price, depth, fee and age of the pools held"),
    Command("tokens", "tokens", "The tokens, what they are worth, the pairs watched"),
    Command("oracles", "oracles", "Each token's price, whose it is, why not another's"),
    Command("doctor", "doctor", "Check every setting and connection"),
    Command("services", "services", "What can be called, where, and by which line"),
    Command("logs", "logs", "What the processes write, in one stream"),
    Command("profile", "profile", "Where a running process spends its time"),
    Command("events", "events", "What passes on the bus, and what it keeps"),
    Command("journal", "journal", "Whether the audit trail is whole, what is in it"),
    Command("kill", "kill_switch", "Stop all trading now"),
    Command("release", "kill_switch", "Let trading go on"),
    Command("pnl", "pnl", "Profit and loss, and the newest results"),
    Command("history", "history", "Trades, events and profit of months, from the database"),
    Command("alerts", "alerts", "What the notifier tells people; acknowledge it, or try it"),
    Command("settings", "settings", "Every setting: variable, default, meaning"),
    Command("init", "init", "Write a settings file to begin from"),
    Command("nats-config", "nats_config", "What a NATS of your own has to be told"),
    Command("verify-quotes", "verify_quotes", "Replay recorded swaps, to the last unit"),
    Command("record", "record", "Capture pools from an RPC node, for tests"),
    Command("completion", "completion", "The script that completes all this in a shell"),
    Command("shm", "shm_files", "Look at the quote files in shared memory"),
)
