"""The real nats-server, started as the platform starts it."""

import json
import subprocess
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path

START_TIMEOUT_S = 10.0


@dataclass
class NatsServer:
    """One server on a port of its own, which it keeps when stopped and started again."""

    folder: Path
    port: int = -1  # the server chooses one at its first start
    limits: str = "max_mem: 16G, max_file: 1T"
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        config = self.folder / "nats.conf"
        config.write_text(
            f'listen: "127.0.0.1:{self.port}"\n'
            f'ports_file_dir: "{self.folder}"\n'
            f'jetstream {{ store_dir: "{self.folder / "jetstream"}", sync_interval: always, {self.limits} }}\n'
        )
        binary = Path(sysconfig.get_path("scripts")) / "nats-server"
        with (self.folder / "nats.log").open("ab") as log:
            self.process = subprocess.Popen([binary, "-c", config], stdout=log, stderr=log)
        self.port = self._port_told(self.folder / f"nats-server_{self.process.pid}.ports")

    def stop(self) -> None:
        """As abruptly as a crash; what is acknowledged must be on disk."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    def _port_told(self, ports_file: Path) -> int:
        assert self.process is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, (self.folder / "nats.log").read_text()
            if ports_file.exists() and (text := ports_file.read_text()):
                return int(json.loads(text)["nats"][0].rsplit(":", 1)[1])
            time.sleep(0.01)
        raise TimeoutError("nats-server did not start")
