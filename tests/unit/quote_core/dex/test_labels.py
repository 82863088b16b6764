from quote_core.dex.labels import JUPITER_LABELS
from quote_core.dex.pool import Dex
from quote_core.dex.programs import PROGRAMS, program_labels


def test_every_dex_has_a_label_of_jupiters_and_no_two_the_same() -> None:
    assert set(JUPITER_LABELS) == set(Dex)
    labels = [*JUPITER_LABELS.values(), *(dex.label for dex in Dex)]
    assert len(set(labels)) == 2 * len(Dex)


def test_every_program_is_labelled() -> None:
    assert set(program_labels()) == set(PROGRAMS)
    assert program_labels()["whirLbMiicVdio4qvUfM5KAg6Ct8VwpYzGff3uctyCc"] == "Whirlpool"
