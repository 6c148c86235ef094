"""A front of the lab's object store that answers as a store in trouble does; the rest the real one answers.

It runs on the host: `python3 moody_store.py PORT UPSTREAM:PORT STATUS TIMES SECONDS`. The first TIMES uploads get
STATUS (0: none does); every request waits for SECONDS first.
"""

import http.client
import http.server
import itertools
import sys
import time

CODES = {401: "Unauthorized", 403: "AccessDenied", 429: "TooManyRequests", 500: "InternalError", 503: "SlowDown"}


class Moody(http.server.BaseHTTPRequestHandler):
    """Forwards a request as it is: its signature names the host that the client sees."""

    protocol_version = "HTTP/1.1"
    upstream, status, times, seconds = "", 0, 0, 0.0
    uploads = itertools.count(1)

    def log_message(self, *words):
        """Say nothing: a request's line may name what is kept."""

    def do_PUT(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.status and next(self.uploads) <= self.times:
            text = f"<?xml version='1.0'?><Error><Code>{CODES[self.status]}</Code><Message>no</Message></Error>"
            self.answer(self.status, [("Content-Type", "application/xml")], text.encode())
        else:
            self.forward(body)

    def forward(self, body=None):
        time.sleep(self.seconds)
        there = http.client.HTTPConnection(self.upstream, timeout=60)
        there.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("connection", "expect"):
                there.putheader(name, value)
        there.endheaders(body)
        answer = there.getresponse()
        hop = ("connection", "content-length", "transfer-encoding")
        headers = [pair for pair in answer.getheaders() if pair[0].lower() not in hop]
        self.answer(answer.status, headers, answer.read(), answer.getheader("Content-Length"))
        there.close()

    def answer(self, status, headers, body, length=None):
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", length if self.command == "HEAD" and length else str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


for method in ("GET", "HEAD", "POST", "DELETE"):
    setattr(Moody, f"do_{method}", Moody.forward)


if __name__ == "__main__":
    port, Moody.upstream = int(sys.argv[1]), sys.argv[2]
    Moody.status, Moody.times, Moody.seconds = int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Moody).serve_forever()
