"""The real nats-server, started as the platform starts it."""

import subprocess
import sysconfig
import time
from dataclasses import dataclass, field
from pathlib import Path

from fakes.ports import free_port
from fakes.waiting import eventually

from quote_core.bus import Bus

START_TIMEOUT_S = 60.0


@dataclass
class NatsServer:
    """One server on a port of its own, which it keeps when stopped and started again."""

    folder: Path
    port: int = field(default_factory=free_port)
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
        self._until_it_listens(self.folder / f"nats-server_{self.process.pid}.ports")

    def stop(self) -> None:
        """As abruptly as a crash; what is acknowledged must be on disk."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    async def restart_under(self, bus: Bus) -> None:
        """Stop, start, and return when `bus` has lost one connection and has the next.

        Until it has noticed it looks connected, and what is asked over it waits in vain, for all of its time-out.
        """
        reconnect_count = bus.client.stats["reconnects"]
        self.stop()
        self.start()
        await eventually(lambda: bus.client.stats["reconnects"] > reconnect_count and bus.is_connected)

    def _until_it_listens(self, ports_file: Path) -> None:
        """It tells its ports when it does."""
        assert self.process is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, (self.folder / "nats.log").read_text()
            if ports_file.exists() and ports_file.stat().st_size:
                return
            time.sleep(0.01)
        raise TimeoutError("nats-server did not start")
