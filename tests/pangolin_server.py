"""A Pangolin (the stand-in's) that serves at a port of this machine."""

import contextlib
import socket
import threading

import uvicorn

from lab.standins.pangolin.settings import read

CONFIG = """
app: {dashboard_url: "https://pangolin.example.org"}
domains: {domain1: {base_domain: example.org, cert_resolver: letsencrypt}}
gerbil: {base_endpoint: 127.0.0.1, start_port: %d}
flags: {allow_raw_resources: true}
"""
ENVIRONMENT = {"SERVER_SECRET": "s" * 64, "PANGOLIN_SETUP_TOKEN": "t" * 32}


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def settings(port=51820, **environment):
    return read(CONFIG % port, ENVIRONMENT | environment)


class _Server(uvicorn.Server):
    """In a thread of its own, as its clients block."""

    def install_signal_handlers(self):
        pass


@contextlib.contextmanager
def serving(app, port):
    server = _Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        threading.Event().wait(0.02)
    yield
    server.should_exit = True
    thread.join()
