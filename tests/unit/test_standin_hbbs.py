"""Contract of the stand-in of RustDesk's ID server: the key of its working directory, and nobody without it."""

import asyncio
import base64
import socket
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lab.standins.hbbs.__main__ import Devices, IdServer, KeyFaultError, public_key, start


def pair() -> tuple[str, str]:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    return base64.b64encode(key.private_bytes_raw() + public).decode(), base64.b64encode(public).decode()


@pytest.mark.parametrize("given", ["-", "_"])
def test_the_key_is_that_of_the_working_directory(tmp_path: Path, given: str) -> None:
    secret, public = pair()
    (tmp_path / "id_ed25519").write_text(f"{secret}\n")
    assert public_key(tmp_path, given) == public


def test_without_its_key_it_does_not_start_instead_of_making_another(tmp_path: Path) -> None:
    with pytest.raises(KeyFaultError, match="no client knows"):
        public_key(tmp_path, "_")
    (tmp_path / "id_ed25519").write_text("short")
    with pytest.raises(KeyFaultError, match="malformed"):
        public_key(tmp_path, "_")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def ask(port: int, text: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{text}\n".encode())
    answer = (await reader.read()).decode().strip()
    writer.close()
    return answer


async def conversation(tmp_path: Path) -> list[str]:
    nat, port = free_port(), free_port()
    server = IdServer(Devices(str(tmp_path / "db")), "relay.example:21117", "right")
    await start(server, "127.0.0.1", nat, port)
    found = [await ask(port, "FIND 123 right")]
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.setblocking(False)
        device.connect(("127.0.0.1", port))
        await loop.sock_sendall(device, b"REGISTER 123")
        found.append((await asyncio.wait_for(loop.sock_recv(device, 99), 5)).decode().strip())
    found += [await ask(port, "FIND 123 right"), await ask(port, "FIND 123 wrong"), await ask(port, "FIND 123")]
    found.append("a port" if (await ask(nat, "NAT")).isdigit() else "nothing")
    return found


def test_a_registered_device_is_found_with_the_right_key_alone(tmp_path: Path) -> None:
    assert asyncio.run(conversation(tmp_path)) == [
        "ID_NOT_EXIST",
        "REGISTERED",
        "RELAY relay.example:21117",
        "LICENSE_MISMATCH",
        "LICENSE_MISMATCH",
        "a port",
    ]
    assert "123" in Devices(str(tmp_path / "db")), "devices outlive the process"
