"""The README's Python, run as it stands there; only addresses and folder are those of the test's own platform."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from fakes.running_platform import RunningPlatform

pytestmark = pytest.mark.integration

README = Path(__file__).parents[3] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)


def run(platform: RunningPlatform, code: str) -> str:
    environment = platform.environment
    code = code.replace("127.0.0.1:50051", environment["SOLQUOTE_AGGREGATOR_ADDRESS"])
    code = code.replace("QuoteReader.open()", f"QuoteReader.open({environment['SOLQUOTE_SHM_DIR']!r})")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_readme_shows_shared_memory_and_a_stream():
    assert ["QuoteReader" in block for block in BLOCKS] == [True, False]
    assert ["StreamBatchQuotes" in block for block in BLOCKS] == [False, True]


@pytest.mark.parametrize("position", range(len(BLOCKS)))
def test_a_python_example_prints_quotes(client_platform: RunningPlatform, position: int):
    printed = run(client_platform, BLOCKS[position])
    assert re.search(r"\d+\.\d+", printed), printed
