"""A disk that fills up and empties again, which takes a file system of its own: mounted in a namespace of ours."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fakes import full_disk_run

from quote_core.bus.lease_bucket import LEASE_STREAM
from quote_core.events import Stream

pytestmark = pytest.mark.integration
NAMESPACE = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
RUN_S = 480


def has_namespaces() -> bool:
    try:
        return subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not has_namespaces(), reason="this machine lets us make no mount namespace")
def test_a_server_that_lost_its_disk_is_unhealthy_and_started_again_when_there_is_room(tmp_path: Path) -> None:
    """On 64 MB, on which all streams are made, too."""
    run = subprocess.run(
        [*NAMESPACE, sys.executable, full_disk_run.__file__, str(tmp_path), "64"],
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    lines = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    steps: dict[str, Any] = {line["step"]: line["what"] for line in lines}
    assert steps["streams"] == sorted([*(stream.value for stream in Stream), LEASE_STREAM])
    assert steps["taken at first"] == 10
    assert steps["taken when full"] < 200
    assert "no space left on device" in steps["status when full"]
    assert steps["taken again"] == 10
    assert steps["kept"] >= 20
    told = [line["what"] for line in lines if line["step"] == "told"]
    assert any("does not take messages though there is room" in sentence for sentence in told)
