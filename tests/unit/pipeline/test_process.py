"""How a pipeline process ends when it cannot run."""

from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from pipeline.process import main
from pipeline.settings import PipelineSettings
from quote_core.errors import ProviderUnavailable
from quote_core.settings import PlatformSettings


async def take_a_taken_port(_: Path) -> None:
    raise ProviderUnavailable("127.0.0.1:9091", "the address is in use or cannot be bound")


async def read_a_folder(folder: Path) -> None:
    folder.read_bytes()


@pytest.mark.parametrize(
    ("work", "sentence"),
    [(take_a_taken_port, "127.0.0.1:9091"), (read_a_folder, "{folder}: Is a directory\n")],
)
def test_what_keeps_a_stage_from_running_is_one_sentence_and_exit_1(
    work: Callable[[Path], Coroutine[None, None, None]],
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def run(_platform: PlatformSettings, _settings: PipelineSettings) -> None:
        await work(tmp_path)

    with pytest.raises(SystemExit) as ended:
        main("system_manager", PipelineSettings, run)
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("system_manager cannot run: " + sentence.format(folder=tmp_path))
