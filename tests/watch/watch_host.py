"""A host to watch from: its configuration, tools that say what a test wants, a Telegram that keeps what it is sent."""

import datetime
import http.server
import json
import ssl
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from estate_watch.__main__ import main

TOKEN = "1234:poison-token"


class Telegram(http.server.ThreadingHTTPServer):
    """Telegram's sendMessage."""

    def __init__(self):
        self.sent, self.paths, self.status = [], [], 200
        super().__init__(("127.0.0.1", 0), _Bot)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()


class _Bot(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.paths.append(self.path)
        if self.server.status == 200:
            self.server.sent.append(body["text"])
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_):
        pass


class Host:
    """One host's program, with the clock in the test's hand."""

    def __init__(self, folder, monkeypatch, telegram):
        self.folder, self.telegram, self.now = folder, telegram, 1_800_000_000.0
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.jobs = {}
        monkeypatch.setenv("ESTATE_WATCH_CONFIG", str(folder / "watch.json"))
        monkeypatch.setenv("PATH", f"{self.bin}:/usr/bin:/bin")
        (folder / "telegram.json").write_text(json.dumps({"token": TOKEN, "chat": 42}))
        self.tool("systemctl", "true")

    def tool(self, name, script):
        """Put a program on the PATH that notes its arguments."""
        path = self.bin / name
        path.write_text(f'#!/bin/sh\necho "$*" >>{self.folder}/{name}.calls\n{script}\n')
        path.chmod(0o755)

    def calls(self, name):
        path = self.folder / f"{name}.calls"
        return path.read_text().splitlines() if path.exists() else []

    def run(self, job, *options):
        document = {
            "host": "test",
            "state": str(self.folder / "state"),
            "metrics": str(self.folder / "node" / "estate_watch.prom"),
            "telegram": str(self.folder / "telegram.json"),
            "api": f"http://127.0.0.1:{self.telegram.server_port}",
            "jobs": self.jobs,
        }
        (self.folder / "watch.json").write_text(json.dumps(document))
        return main([job, *options], lambda: self.now)

    @property
    def metrics(self):
        return (self.folder / "node" / "estate_watch.prom").read_text()


def certificate(folder, name, days=90):
    """A certificate that is its own authority; gives the file with it and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=10))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, *form)
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


class Site(http.server.ThreadingHTTPServer):
    """A page over TLS."""

    def __init__(self, pem):
        self.status, self.body, self.delay = 200, "well", 0.0
        super().__init__(("127.0.0.1", 0), _Page)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def handle_error(self, *_):
        """Handshakes that fail are what is tested."""


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        import time

        time.sleep(self.server.delay)
        body = self.server.body.encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass
