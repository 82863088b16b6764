"""A scanner's turn to tell, as a test decides."""


class HeldTurn:
    def __init__(self) -> None:
        self.is_held = True
