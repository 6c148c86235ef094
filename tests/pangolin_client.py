"""A Pangolin that is asked as its pages ask it: set up by hand, for tests."""

from pangolin_server import settings
from starlette.testclient import TestClient

from lab.standins.pangolin.app import External

CSRF = {"X-CSRF-Token": "x-csrf-protection"}
ADMIN = {"email": "a@example.org", "password": "Secret123!"}
SITE = {"name": "home", "niceId": "home", "type": "newt", "newtId": "unewt", "secret": "newt-secret"}


def client(store, given=None):
    return TestClient(External(store, given or settings()).app(), base_url="https://testserver", headers=CSRF)


def set_up(store, given=None):
    api = client(store, given)
    api.put("/api/v1/auth/set-server-admin", json={**ADMIN, "setupToken": "t" * 32}).raise_for_status()
    api.post("/api/v1/auth/login", json=ADMIN).raise_for_status()
    org = {"orgId": "homelab", "name": "homelab", "subnet": "100.90.128.0/24", "utilitySubnet": "100.96.128.0/24"}
    api.put("/api/v1/org", json=org).raise_for_status()
    api.put("/api/v1/org/homelab/site", json=SITE).raise_for_status()
    return api


HTTP = {"name": "N", "mode": "http", "full-domain": "n8n.example.org"}
TARGET = {"hostname": "10.0.0.1", "port": 1, "method": "http"}
