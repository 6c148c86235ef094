"""The API over HTTPS on 8006, for tokens that may do everything; it also tells the other nodes that this one lives."""

import http.server
import json
import ssl
import threading
import time
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from lab.standins.proxmox import BANNER, SOFTWARE, api, cluster, status, users
from lab.standins.proxmox.errors import ParamError, PveError
from lab.standins.proxmox.node import Node

BASE = "/api2/json"
STATUS_SECONDS = 5
LONGEST = 1024 * 1024
_VERBS: dict[str, str] = {"GET": "get", "POST": "create", "PUT": "set", "DELETE": "delete"}


def answer(node: Node, verb: str, target: str, body: str, authorisation: str) -> tuple[int, dict[str, Any]]:
    """The status and the JSON of one request."""
    split = urlsplit(target)
    if not split.path.startswith(BASE):
        return 501, {"data": None, "message": f"{BANNER}: no pages here, only {BASE}"}
    path = split.path.removeprefix(BASE) or "/"
    open_to_all = verb == "GET" and path in {"/version", "/access/domains"}
    if not open_to_all and not users.authorised(node, authorisation):
        return 401, {"data": None, "message": "authentication failure" if authorisation else "No ticket"}
    try:
        method, given = api.find(_VERBS[verb], path)
        found = method.call(node, dict(parse_qsl(split.query, True)) | dict(parse_qsl(body, True)) | given)
    except ParamError as fault:
        return 400, {"data": None, "message": "Parameter verification failed.\n", "errors": fault.errors}
    except PveError as fault:
        unknown = fault.message.startswith("no '")
        return (501 if unknown else 500), {"data": None, "message": f"{fault.message}\n"}
    return 200, {"data": found}


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    node: Node
    server_version = "pve-api-daemon/3.0"
    sys_version = ""

    def _serve(self) -> None:
        length = min(int(self.headers.get("Content-Length") or 0), LONGEST)
        body = self.rfile.read(length).decode(errors="replace")
        if self.headers.get("Content-Type", "").startswith("application/json") and body:
            body = "&".join(f"{key}={value}" for key, value in json.loads(body).items())
        code, found = answer(self.node, self.command, self.path, body, self.headers.get("Authorization", ""))
        text = json.dumps(found).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json;charset=UTF-8")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("X-Estate-Lab-Stand-In", SOFTWARE)
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a query could hold a secret."""


class Server(http.server.ThreadingHTTPServer):
    """TLS is shaken in the connection's own thread, so that nobody who only connects holds the others up."""

    daemon_threads = True
    context: ssl.SSLContext

    def finish_request(self, request: Any, client_address: Any) -> None:
        """One connection; one that ends before TLS is nothing to tell."""
        request.settimeout(60)
        try:
            with self.context.wrap_socket(request, server_side=True) as secure:
                super().finish_request(secure, client_address)
        except OSError:
            return


def _tell(node: Node) -> None:
    while True:
        try:
            status.publish(node)
        except (OSError, PveError) as fault:
            print(f"status: {fault}", flush=True)
        time.sleep(STATUS_SECONDS)


def serve(node: Node) -> None:
    """Serve until the service is ended."""
    print(BANNER, flush=True)
    quiet = Node(node.name, node.backend, node.root, node.dial, say=lambda text: None)
    Handler.node = quiet
    own, key = (quiet.pve / f"nodes/{node.name}/pve-ssl{end}" for end in (".pem", ".key"))
    Server.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    Server.context.load_cert_chain(own, key)
    threading.Thread(target=_tell, args=(quiet,), daemon=True).start()
    with Server(("", cluster.API_PORT), Handler) as server:
        server.serve_forever()
