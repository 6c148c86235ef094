"""Contract of Traefik's stand-in: the configuration that production has, carried out by a real Caddy."""

import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import yaml
from factories import vps

from estate.models.vps import PangolinSettings, RawRoute
from estate.render.templates import render
from lab.standins.pangolin.plan import traefik, ways
from lab.standins.pangolin.settings import read as pangolin_settings
from lab.standins.traefik.access import AccessLog, line
from lab.standins.traefik.caddy import RouterError, config, matcher
from lab.standins.traefik.raw import server_of
from lab.standins.traefik.static import ConfigError, read

RAW = (
    RawRoute(service="hbbs", port=21115),
    RawRoute(service="hbbs", port=21116),
    RawRoute(service="hbbs", port=21116, protocol="udp"),
)
VPS = vps(pangolin=PangolinSettings(domain="prodg.studio", admin_email="ops@example.org", raw=RAW))
STATIC = render("traefik/traefik.yml.j2", host=VPS)
DYNAMIC = yaml.safe_load(render("traefik/dynamic.yml.j2", host=VPS))
CADDY = shutil.which("caddy")
needs_caddy = pytest.mark.skipif(CADDY is None, reason="Caddy is not installed (Debian: caddy)")
PANGOLIN = pangolin_settings(
    render("pangolin/config.yml.j2", host=VPS), {"SERVER_SECRET": "s" * 64, "PANGOLIN_SETUP_TOKEN": "t" * 32}
)
BLUEPRINT = {
    "n8n": {
        **{"name": "n8n", "mode": "http", "full-domain": "n8n.prodg.studio"},
        "targets": [
            {"hostname": "10.0.0.2", "port": 9000, "method": "http"},
            {"hostname": "10.0.0.3", "port": 5678, "method": "http", "path": "/webhook", "path-match": "prefix"},
        ],
    },
    "id": {
        **{"name": "R", "mode": "udp", "proxy-port": 21116},
        "targets": [{"hostname": "10.0.0.4", "port": 21116}],
    },
}
TOLD = traefik(ways({1: json.dumps({"public-resources": BLUEPRINT})}, PANGOLIN), PANGOLIN)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("api: {insecure: true}", "api.insecure"),
        ("colour: red", "colour"),
        ("serversTransport: {insecureSkipVerify: true}", "always verifies"),
        ("accessLog: {format: json}", "common format only"),
        ("entryPoints: {web: {address: nowhere}}", "invalid address"),
        ("ping: {entryPoint: absent}", "unknown ping"),
    ],
)
def test_a_wrong_static_configuration_is_refused(change, fault):
    with pytest.raises(ConfigError, match=fault):
        read(change)


def test_a_rule_that_it_does_not_know_is_no_silent_hole():
    with pytest.raises(RouterError):
        matcher("HostRegexp(`.+`)")


def test_every_site_has_hsts_and_the_more_specific_router_comes_first():
    document, faults = config(read(STATIC), {"file": DYNAMIC, "http": TOLD})
    assert faults == []
    routes = document["apps"]["http"]["servers"]["websecure"]["routes"]
    sites = [route for route in routes if "match" in route]
    assert len(sites) == 4
    for route in sites:
        header = route["handle"][0]["response"]["set"]["Strict-Transport-Security"]
        assert header == ["max-age=31536000; includeSubDomains"]
    ours = [route["match"][0].get("path") for route in sites if route["match"][0]["host"] == ["n8n.prodg.studio"]]
    assert ours == [["/webhook", "/webhook/*"], None]
    assert document["apps"]["tls"]["certificates"]["automate"] == ["n8n.prodg.studio", "pangolin.prodg.studio"]


def test_a_router_of_an_unknown_middleware_is_left_out_and_said():
    broken = {"http": {"routers": {"x": {**_router(), "middlewares": ["absent"]}}}}
    document, faults = config(read(STATIC), {"file": DYNAMIC, "http": broken})
    assert faults == ['x@http: middleware "absent@http" does not exist']
    hosts = str(document["apps"]["http"]["servers"]["websecure"]["routes"])
    assert "pangolin.prodg.studio" in hosts
    assert "a.prodg.studio" not in hosts


def _router():
    return {"rule": "Host(`a.prodg.studio`)", "service": "s", "entryPoints": ["websecure"]}


def test_raw_ports_go_where_pangolin_says():
    static = read(STATIC)
    assert server_of(static.entry_points["udp-21116"], {"http": TOLD}) == ("100.89.137.2", 40002)
    assert server_of(static.entry_points["tcp-21115"], {"http": TOLD}) is None


RECORD = {
    "ts": 1_800_000_000.0,
    "user_id": "",
    "status": 401,
    "size": 3,
    "duration": 0.002,
    "request": {
        "remote_ip": "203.0.113.9",
        "proto": "HTTP/2.0",
        "method": "GET",
        "uri": '/"x',
        "headers": {"User-Agent": ["curl"]},
    },
}


def test_the_access_log_is_what_fail2ban_reads(tmp_path):
    assert line(RECORD, 1).startswith('203.0.113.9 - - [15/Jan/2027:08:00:00 +0000] "GET /%22x HTTP/2.0" 401 3 "-"')
    log = AccessLog(tmp_path / "access.log")
    log.take(json.dumps(RECORD))
    log.take("not a record")
    (tmp_path / "access.log").write_text("")
    log.take(json.dumps(RECORD))
    assert (tmp_path / "access.log").read_text().count("\n") == 1


class _Site(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(401 if self.path == "/secret" else 200)
        self.end_headers()
        self.wfile.write(b"behind")

    def log_message(self, *words):
        pass


def _free():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def running(tmp_path):
    """A Caddy with the configuration, but for ports of its own and certificates that it makes itself."""
    site = HTTPServer(("127.0.0.1", 0), _Site)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    ports = {"443": _free(), "80": _free(), "8082": _free()}
    text = STATIC.replace('":443"', f'"127.0.0.1:{ports["443"]}"').replace('":80"', f'"127.0.0.1:{ports["80"]}"')
    text = text.replace('"127.0.0.1:8082"', f'"127.0.0.1:{ports["8082"]}"')
    services = {name: _to(site.server_port) for name in DYNAMIC["http"]["services"]}
    dynamic = {**DYNAMIC, "http": {**DYNAMIC["http"], "services": services}}
    document, _ = config(read(text), {"file": dynamic})
    document["admin"] = {"disabled": True}
    document["storage"]["root"] = str(tmp_path)
    document["apps"]["tls"]["automation"]["policies"][0]["issuers"] = [{"module": "internal"}]
    document["apps"]["pki"] = {"certificate_authorities": {"local": {"install_trust": False}}}
    (tmp_path / "config.json").write_text(json.dumps(document))
    argv = [str(CADDY), "run", "--config", str(tmp_path / "config.json")]
    caddy = subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={"HOME": str(tmp_path)}
    )
    _await(ports["8082"])
    yield ports, caddy
    caddy.terminate()
    caddy.wait(10)
    site.shutdown()


def _to(port):
    return {"loadBalancer": {"servers": [{"url": f"http://127.0.0.1:{port}"}]}}


def _await(port):
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("Caddy does not come up")


def _ask(port, path, version):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    name = f"pangolin.{VPS.pangolin.domain}"
    deadline = time.monotonic() + 10
    while True:
        try:
            with (
                socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
                context.wrap_socket(plain, server_hostname=name) as tls,
            ):
                tls.sendall(f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
                answer = b""
                while data := tls.recv(65536):
                    answer += data
                return answer.decode()
        except ssl.SSLError as fault:
            # The certificate may still be in the making
            if "INTERNAL_ERROR" not in str(fault) or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@needs_caddy
def test_tls_hsts_redirect_and_log_are_what_the_configuration_says(running):
    ports, caddy = running
    answer = _ask(ports["443"], "/secret", ssl.TLSVersion.TLSv1_3).lower()
    assert answer.startswith("http/1.1 401")
    assert "strict-transport-security: max-age=31536000; includesubdomains" in answer
    with pytest.raises(ssl.SSLError, match=r"(?i)protocol"):
        _ask(ports["443"], "/", ssl.TLSVersion.TLSv1_2)
    with socket.create_connection(("127.0.0.1", ports["80"]), timeout=5) as plain:
        plain.sendall(b"GET /a?b HTTP/1.1\r\nHost: n8n.prodg.studio\r\nConnection: close\r\n\r\n")
        assert b"Location: https://n8n.prodg.studio/a?b" in plain.recv(65536)
    record = next(json.loads(text) for text in iter(caddy.stdout.readline, "") if '"/secret"' in text)
    assert ' "GET /secret HTTP/1.1" 401 ' in line(record, 1)
    assert line(record, 1).startswith("127.0.0.1 - - [")
