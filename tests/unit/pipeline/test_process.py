"""How a pipeline process ends when it cannot run."""

import pytest

from pipeline.process import main
from pipeline.settings import PipelineSettings
from quote_core.errors import ProviderUnavailable
from quote_core.settings import PlatformSettings


def test_what_keeps_a_stage_from_running_is_one_sentence_and_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    async def run(_platform: PlatformSettings, _settings: PipelineSettings) -> None:
        raise ProviderUnavailable("127.0.0.1:9091", "the address is in use or cannot be bound")

    with pytest.raises(SystemExit) as ended:
        main("system_manager", PipelineSettings, run)
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("system_manager cannot run: 127.0.0.1:9091")
