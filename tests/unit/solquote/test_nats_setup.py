import stat
from pathlib import Path

import pytest

from quote_core.bus.nkey import UserKey
from quote_core.bus.permissions import BusRole
from solquote.nats_setup import NatsNode, NatsSetup, streams_need_bytes, write_nats_setup

THREE = [NatsNode(f"nats-{number}.bus", 4222) for number in range(3)]


def setup(nodes: list[NatsNode] = THREE, *, tls: Path | None = None) -> NatsSetup:
    return NatsSetup(nodes=nodes, listen="0.0.0.0", monitor="127.0.0.1", store=Path("/data"), tls=tls)


def test_each_server_knows_itself_and_the_others(tmp_path: Path) -> None:
    secret = tmp_path / "own" / "routes.secret"
    paths = write_nats_setup(tmp_path / "own", setup())
    assert [path.name for path in paths] == ["nats-0.conf", "nats-1.conf", "nats-2.conf"]
    text = paths[1].read_text()
    for line in (
        "server_name: nats-1",
        'listen: "0.0.0.0:4222"',
        'http: "127.0.0.1:8222"',
        'listen: "0.0.0.0:6222"',
        'store_dir: "/data/nats-1"',
        "sync_interval: always",
        f"max_file_store: {streams_need_bytes()}",
        f'"nats-route://route:{secret.read_text().strip()}@nats-0.bus:6222"',
        f'"nats-route://route:{secret.read_text().strip()}@nats-2.bus:6222"',
    ):
        assert line in text
    assert "@nats-1.bus" not in text
    assert "tls {" not in text


def test_what_is_written_is_its_owner_s_alone(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    write_nats_setup(folder, setup())
    for path in folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert {path.name for path in (folder / "credentials").iterdir()} == {role.value for role in BusRole}


def test_every_role_is_a_user_by_the_key_in_its_file_and_keys_stay_when_it_is_written_again(tmp_path: Path) -> None:
    for _ in range(2):
        (path,) = write_nats_setup(tmp_path, setup(THREE[:1]))
        public = {role: UserKey((tmp_path / "credentials" / role).read_text()).public for role in BusRole}
        text = path.read_text()
        assert all(f"nkey: {nkey}," in text for nkey in public.values())
        assert text.count("nkey:") == len(BusRole)
    first = text
    write_nats_setup(tmp_path, setup(THREE[:1]))
    assert path.read_text() == first


def test_one_server_is_no_cluster(tmp_path: Path) -> None:
    (path,) = write_nats_setup(tmp_path, setup(THREE[:1]))
    assert "cluster {" not in path.read_text()


def test_tls_is_for_clients_and_between_servers(tmp_path: Path) -> None:
    asked = setup(tls=Path("/etc/nats/tls"))
    text = write_nats_setup(tmp_path, asked)[0].read_text()
    assert text.count('cert_file: "/etc/nats/tls/tls.crt"') == 2
    assert asked.urls == "tls://nats-0.bus:4222,tls://nats-1.bus:4222,tls://nats-2.bus:4222"


@pytest.mark.parametrize(("count", "replicas"), [(1, 1), (2, 1), (3, 3), (4, 3), (5, 5), (7, 5)])
def test_streams_are_kept_on_so_many_that_one_may_go(count: int, replicas: int) -> None:
    assert setup([NatsNode("h", 4222 + number) for number in range(count)]).replica_count == replicas
