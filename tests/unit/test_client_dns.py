"""Cloudflare's DNS records: the zone of a domain, pages, what is sent, and everything that is no answer."""

import json

import httpx
import pytest
from fake_cloud import record
from pydantic import SecretStr

from estate.clients.cloudflare import Dns, Zone
from estate.clients.errors import (
    ApiError,
    BadAnswerError,
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
    RejectedError,
    ServerFaultError,
    UnauthorisedError,
)
from estate.models.cloud import Record

BEARER = "cf-dns-bearer-0123456789"
ZONE = Zone("z1", "example.org")
RECORD = Record("r1", "A", "tokyo.example.org", "192.0.2.7", 300, proxied=False, comment="estate:edge:tokyo")


def client(handle):
    return Dns(SecretStr(BEARER), transport=httpx.MockTransport(handle), sleep=lambda _: None)


def answering(status, body, seen=None):
    def handle(request):
        if seen is not None:
            seen.append(request)
        return httpx.Response(status, **({"content": body} if isinstance(body, bytes) else {"json": body}))

    return client(handle)


def good(result, pages=1):
    return {"success": True, "errors": [], "result": result, "result_info": {"page": 1, "total_pages": pages}}


def failure(code, message="no"):
    return {"success": False, "errors": [{"code": code, "message": message}], "messages": [], "result": None}


@pytest.mark.parametrize("domain", ["example.org", "edge.example.org", "a.edge.example.org"])
def test_the_zone_is_the_nearest_one_above(domain):
    def handle(request):
        name = request.url.params["name"]
        return httpx.Response(200, json=good([{"id": "z1", "name": name}] if name == "example.org" else []))

    assert client(handle).zone(domain) == ZONE


@pytest.mark.parametrize("result", [[], [{"id": "z1", "name": "other.org"}]])
def test_a_domain_of_no_zone_is_a_fault(result):
    with pytest.raises(NotFoundError, match="sees no zone") as caught:
        answering(200, good(result)).zone("edge.example.org")
    assert "Zone, DNS, Edit" in caught.value.advice


def test_every_page_of_records_is_read():
    seen = []

    def handle(request):
        seen.append(dict(request.url.params))
        number = int(request.url.params["page"])
        return httpx.Response(200, json=good([record("tokyo", id=f"r{number}", name="Tokyo.example.org")], pages=3))

    found = client(handle).records(ZONE)
    assert [row.id for row in found] == ["r1", "r2", "r3"]
    assert found[0] == Record("r1", "A", "tokyo.example.org", "192.0.2.7", 300, False, "estate:edge:tokyo")
    assert seen[0] == {"page": "1", "per_page": "100"}


def test_an_empty_zone_has_no_page():
    assert answering(200, good([], pages=0)).records(ZONE) == []


def test_records_without_comment_and_content_are_records():
    row = {"id": "r", "type": "HTTPS", "name": "x.org", "ttl": 1, "comment": None}
    assert answering(200, good([row])).records(ZONE) == [Record("r", "HTTPS", "x.org", "", 1, False, "")]


BODY = {
    **{"type": "A", "name": "tokyo.example.org", "content": "192.0.2.7", "ttl": 300, "proxied": False},
    "comment": "estate:edge:tokyo",
}


@pytest.mark.parametrize(
    ("call", "method", "path", "body"),
    [
        ("add", "POST", "zones/z1/dns_records", BODY),
        ("change", "PUT", "zones/z1/dns_records/r1", BODY),
        ("remove", "DELETE", "zones/z1/dns_records/r1", None),
    ],
)
def test_what_is_sent(call, method, path, body):
    seen = []
    getattr(answering(200, good({"id": "r1"}), seen), call)(ZONE, RECORD)
    assert (seen[0].method, seen[0].url.path) == (method, f"/client/v4/{path}")
    assert (json.loads(seen[0].content) if seen[0].content else None) == body
    assert seen[0].headers["authorization"] == f"Bearer {BEARER}"


def test_a_record_that_is_gone_is_removed():
    answering(404, failure(81044, "Record does not exist.")).remove(ZONE, RECORD)


@pytest.mark.parametrize(
    ("status", "body", "error", "said"),
    [
        (200, failure(1004, "DNS Validation Error"), RejectedError, r"DNS Validation Error \(200\)"),
        (200, {"result": []}, RejectedError, "no message"),
        (400, failure(81058, "An identical record already exists."), RejectedError, r"identical .*\(400\)"),
        (400, failure(6003, "Invalid request headers"), UnauthorisedError, "400"),
        (400, failure(10000, "Authentication error"), UnauthorisedError, "400"),
        (401, failure(10000), UnauthorisedError, "401"),
        (403, failure(9109, "Unauthorized to access requested resource"), ForbiddenError, "403"),
        (404, {"errors": "none"}, NotFoundError, r"no message \(404\)"),
        (422, {"errors": [None, "x", {"message": "y"}]}, RejectedError, "y"),
        (429, failure(971), RateLimitedError, "429"),
        (502, b"", ServerFaultError, "502"),
        (200, b"<html>", BadAnswerError, "not a JSON object"),
        (200, {"success": True, "result": {}}, BadAnswerError, "holds no list"),
        (200, {"success": True, "result": ["a"]}, BadAnswerError, "holds no list"),
        (200, {"success": True, "result": []}, BadAnswerError, "how many pages"),
        (200, {"success": True, "result": [], "result_info": {}}, BadAnswerError, "total_pages"),
        (200, good([{"id": "r", "type": "A", "name": 7, "ttl": 1}]), BadAnswerError, "name"),
        (200, good([], pages=10**6), BadAnswerError, "does not end"),
    ],
)
def test_what_is_no_answer(status, body, error, said):
    with pytest.raises(error, match=said) as caught:
        answering(status, body).records(ZONE)
    assert "sealed" not in caught.value.advice


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404])
def test_an_error_that_repeats_the_token_is_masked(status):
    dns = answering(status, failure(1000, f"no such token: {BEARER}"))
    with pytest.raises(ApiError) as caught:
        dns.records(ZONE)
    assert BEARER not in f"{caught.value} {caught.value!r} {caught.value.fault} {dns!r} {vars(dns)!r}"
