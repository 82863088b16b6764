from typing import final

from shm.values import HandleState
from shm.view import Quote, QuoteView

@final
class Handle(QuoteView):
    """One pair and amount, bound to its entry; its truth reads the entry."""

    def __bool__(self) -> bool: ...
    def refresh(self) -> bool: ...
    def fresh(self) -> Quote: ...
    @property
    def state(self) -> HandleState: ...
