import socket
from pathlib import Path

from quote_core.telemetry.readiness import Readiness


def test_a_supervisor_receives_what_the_service_says(tmp_path: Path):
    address = tmp_path / "notify.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(address))
        listener.settimeout(60)
        readiness = Readiness({"NOTIFY_SOCKET": str(address)})
        readiness.ready("12 pairs")
        readiness.status("13 pairs")
        readiness.stopping()
        assert listener.recv(4096) == b"READY=1\nSTATUS=12 pairs\nWATCHDOG=1"
        assert listener.recv(4096) == b"STATUS=13 pairs\nWATCHDOG=1"
        assert listener.recv(4096) == b"STOPPING=1"
        readiness.close()


def test_a_service_without_a_supervisor_says_it_to_nobody():
    readiness = Readiness({})
    readiness.ready("alone")
    readiness.close()


def test_a_supervisor_that_is_gone_does_not_hurt_the_service(tmp_path: Path):
    readiness = Readiness({"NOTIFY_SOCKET": str(tmp_path / "nobody.sock")})
    readiness.status("still here")
    readiness.close()
