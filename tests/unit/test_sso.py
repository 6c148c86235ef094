"""Single sign-on: what the declarations give, and what `estate check` refuses of them."""

import jmespath
import pytest
import yaml
from factories import homelab, settings

from estate.checks.sso import Declared, check, check_estate
from estate.models.backup import NoBackup
from estate.models.host import ProxmoxHost
from estate.models.host_parts import Resources, User
from estate.models.image import image
from estate.models.proxmox import OpenIdRealm
from estate.models.service import Published, Service
from estate.models.stack import Stack
from estate.sso.applications import applications_blueprint
from estate.sso.clients import CLIENTS, POLICIES, SITES, authentik_secret_files, client, in_use, secret_of
from estate.sso.consumers import grafana_environment, grafana_secret_file, proxmox_group, proxmox_realm
from estate.sso.entries import FileOf, Find, KeyOf, entry, text
from estate.sso.login import login_blueprint
from estate.sso.place import place
from lab.standins.authentik.tags import Find as Read
from lab.standins.authentik.tags import load

DOMAIN = "prodg.studio"


def node(name, address, **over):
    values = {
        "name": name,
        "group": "proxmox",
        "address": address,
        "users": (User(name="ops", admin=True),),
        "admin_keys": ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFake0000000000000000000000000000000000000000 ops",),
        "resources": Resources(cpus=8, memory="8g"),
        "leader": "dl380p",
        "realms": (OpenIdRealm(**proxmox_realm(DOMAIN)),),
    }
    return ProxmoxHost(**values | over)


def service(name, **over):
    values = {
        "name": name,
        "purpose": "x",
        "image": image("docker.io/library/x:1"),
        "backup": NoBackup(reason="keeps nothing"),
    }
    return Service(**values | over)


def grafana(**over):
    values = {"environment": {"GF_SERVER_ROOT_URL": "https://grafana-home.@domain@"}}
    return service("hl-grafana", **{**values, "secrets": (secret_of(client("hl-grafana")),), **over})


N8N = service("n8n", published=(Published(host=5678, container=5678),))
RUNS = {
    "authentik": ("10.20.0.42", (service("authentik-worker"),)),
    "monitoring": ("10.20.0.45", (grafana(),)),
    "n8n": ("10.20.0.43", (N8N,)),
    "vps": ("192.0.2.20", (service("pangolin"),)),
    "edge-of-home": ("10.20.0.50", (service("newt"),)),
}


def declared(runs=RUNS, nodes=None, **over):
    chosen = nodes if nodes is not None else (node("dl380p", "dl380p.home.arpa"), node("i5", "i5.home.arpa"))
    hosts = {name: homelab(name=name, address=address, services=()) for name, (address, _) in runs.items()}
    hosts |= {each.name: each for each in chosen}
    stacks = {name: Stack(settings=settings(domain=DOMAIN), services=services) for name, (_, services) in runs.items()}

    class Host:
        def __init__(self, name, host):
            self.name, self.group, self.address = name, host.group, host.address
            self.services = tuple(s.name for s in stacks[name].services) if name in stacks else ()

    found = place(DOMAIN, ("10.20.0.0/16",), [Host(name, host) for name, host in hosts.items()])
    return Declared(hosts, stacks, found, **over)


def changed(name, **update):
    return tuple(each.model_copy(update=update) if each.name == name else each for each in CLIENTS)


class TestChecks:
    def test_what_is_declared_fits(self):
        assert check(declared()) == []

    def test_without_authentik_nothing_is_asked(self):
        found = declared({"n8n": RUNS["n8n"]})
        assert check_estate(found.hosts, found.stacks) == []

    def test_without_networks_nobody_would_be_inside(self):
        found = declared()
        assert [fault.path for fault in check_estate(found.hosts, found.stacks)] == [
            "group_data/homelab/internal_networks"
        ]

    @pytest.mark.parametrize(
        ("over", "fault"),
        [
            (
                {"clients": changed("hl-grafana", policy="externl")},
                "hl-grafana/policy: there is no policy externl; did you mean external?",
            ),
            (
                {"policies": {name: p for name, p in POLICIES.items() if name != "admin"}},
                "proxmox/policy: there is no policy admin; choose one of external, internal",
            ),
            ({"clients": changed("hl-grafana", groups=())}, "hl-grafana/groups: no group may use it"),
            ({"clients": changed("hl-grafana", groups=("staff",))}, "Authentik has no group staff from us"),
            ({"clients": changed("hl-grafana", off="", consumer="grafan")}, "hl-grafana/consumer: no host runs grafan"),
            ({"clients": changed("home-assistant", off="")}, "home-assistant/consumer: no host runs home-assistant"),
            (
                {"clients": changed("hl-grafana", redirects=("http://grafana-home.{domain}/login/generic_oauth",))},
                "is not https",
            ),
            (
                {"clients": changed("pangolin", off="", redirects=("https://*.{domain}/auth",))},
                "is not one exact address",
            ),
            (
                {"clients": changed("pangolin", off="", redirects=("https://pangolin.example.org/auth",))},
                "pangolin.example.org is not below prodg.studio",
            ),
            (
                {"clients": changed("hl-grafana", redirects=("https://grafana.{domain}/login/generic_oauth",))},
                "Grafana sends people back to https://grafana-home.prodg.studio/login/generic_oauth",
            ),
            ({"clients": (*CLIENTS, CLIENTS[0])}, "proxmox: is declared twice"),
            (
                {"sites": (SITES[0].model_copy(update={"upstream": "authentik:5678"}),)},
                "n8n/upstream: n8n does not run on authentik",
            ),
            ({"sites": (SITES[0].model_copy(update={"upstream": "n8n:1"}),)}, "n8n does not publish 1"),
            ({"sites": (SITES[0].model_copy(update={"open_paths": ("/webhook",)}),)}, "opens every path that contains"),
            ({"sites": (SITES[0].model_copy(update={"open_paths": ("^(",)}),)}, "n8n/open_paths"),
        ],
    )
    def test_a_fault_of_a_declaration(self, over, fault):
        found = [str(each) for each in check(declared(**over))]
        assert [text for text in found if fault in text], found

    def test_a_consumer_that_does_not_take_the_secret(self):
        runs = RUNS | {"monitoring": ("10.20.0.45", (grafana(secrets=()),))}
        assert "hl-grafana does not declare HL_GRAFANA_OIDC_SECRET" in str(check(declared(runs))[0])

    def test_no_node_has_the_realm(self):
        faults = check(declared(nodes=(node("dl380p", "dl380p.home.arpa", realms=()),)))
        assert "no Proxmox node has a realm with this client" in str(faults[0])

    def test_no_node_at_all_is_no_redirect_uri(self):
        assert "redirects: none: nobody could sign in" in "\n".join(map(str, check(declared(nodes=()))))

    @pytest.mark.parametrize(
        ("update", "fault"),
        [
            ({"client_id": "proxmx"}, "proxmx is not a client; did you mean proxmox?"),
            # Without the slash at its end it is another issuer
            ({"issuer_url": "https://auth.prodg.studio/application/o/proxmox"}, "issuer_url: is not https://auth."),
            ({"client_secret": "OTHER"}, "client_secret: is not PROXMOX_OIDC_SECRET"),
        ],
    )
    def test_a_realm_of_another_client(self, update, fault):
        realm = OpenIdRealm(**proxmox_realm(DOMAIN) | update)
        faults = check(declared(nodes=(node("dl380p", "dl380p.home.arpa", realms=(realm,)),)))
        assert [str(each) for each in faults if fault in str(each)]


class TestBlueprints:
    PLACE = declared().settings

    def documents(self):
        return [load(made(self.PLACE)) for made in (login_blueprint, applications_blueprint)]

    def entries(self, model):
        return [e for document in self.documents() for e in document["entries"] if e["model"].endswith(f".{model}")]

    def test_each_node_is_one_redirect_uri_without_a_path(self):
        (provider,) = [e for e in self.entries("oauth2provider") if e["identifiers"]["name"] == "proxmox"]
        urls = [each["url"] for each in provider["attrs"]["redirect_uris"]]
        assert urls == ["https://dl380p.home.arpa:8006", "https://i5.home.arpa:8006"]

    def test_redirect_uris_are_compared_as_a_whole(self):
        modes = {each["matching_mode"] for e in self.entries("oauth2provider") for each in e["attrs"]["redirect_uris"]}
        assert modes == {"strict"}

    def test_every_provider_says_what_it_grants_and_signs(self):
        for provider in self.entries("oauth2provider"):
            assert provider["attrs"]["grant_types"]
            assert isinstance(provider["attrs"]["signing_key"], Read)

    def test_secrets_are_files_that_the_worker_is_given(self):
        given = {f"/run/secrets/{each.path}" for each in authentik_secret_files()}
        named = {provider["attrs"]["client_secret"].path for provider in self.entries("oauth2provider")}
        assert named == given

    def test_what_is_only_prepared_is_not_in_them(self):
        slugs = {e["identifiers"]["slug"] for e in self.entries("application")}
        assert slugs == {"proxmox", "hl-grafana", "n8n"}

    def test_every_application_has_a_group_or_it_would_be_open_to_all(self):
        bound = {e["identifiers"]["target"].id for e in self.entries("policybinding") if "group" in e["identifiers"]}
        assert bound == {e["id"] for e in self.entries("application")}

    def test_no_second_factor_is_ever_skipped_and_nobody_enrols_from_outside(self):
        stages = {e["id"]: e["attrs"] for e in self.entries("authenticatorvalidatestage")}
        assert {attrs["not_configured_action"] for attrs in stages.values()} == {"deny", "configure"}
        flows = self.entries("flowstagebinding")
        outside = {
            e["identifiers"]["target"].id
            for e in self.entries("policybinding")
            if "policy" in e["identifiers"] and e["identifiers"]["policy"].id == "estate-external"
        }
        asked = {e["identifiers"]["stage"].id for e in flows if e.get("id") in outside}
        assert asked
        assert {stages[stage]["not_configured_action"] for stage in asked if stage in stages} == {"deny"}

    def test_the_tunnels_end_is_not_inside(self):
        (policy,) = [e for e in self.entries("expressionpolicy") if e["identifiers"]["name"] == "estate-internal"]
        assert '"10.20.0.50/32"' in policy["attrs"]["expression"]

    def test_the_brands_login_is_ours(self):
        (brand,) = self.entries("brand")
        assert brand["attrs"]["flow_authentication"].id == "estate-authentication"

    def test_guarded_sites_are_on_the_outpost(self):
        (outpost,) = self.entries("outpost")
        assert [each.id for each in outpost["attrs"]["providers"]] == [f"provider-{site.name}" for site in SITES]

    def test_tags_are_written_as_authentik_reads_them(self):
        made = text(
            "n", "p", [entry("m", {"a": KeyOf("k")}, {"b": Find("m", "f", "v"), "c": FileOf("/x"), "d": "1\n2\n"})]
        )
        assert "!KeyOf 'k'" in made
        assert "!Find [m, [f, v]]" in made
        assert "!File '/x'" in made
        assert "d: |" in made
        with pytest.raises(yaml.YAMLError):
            yaml.safe_load(made)


class TestConsumers:
    def test_grafanas_secret_is_a_file(self):
        environment = grafana_environment(client("hl-grafana"), DOMAIN)
        assert environment["GF_AUTH_GENERIC_OAUTH_CLIENT_SECRET__FILE"] == "/run/secrets/oidc-client-secret"
        assert grafana_secret_file(client("hl-grafana")).path == "oidc-client-secret"
        assert "GF_AUTH_GENERIC_OAUTH_CLIENT_SECRET" not in environment

    @pytest.mark.parametrize(
        ("groups", "role"),
        [(["estate-admins", "estate-users"], "Admin"), (["estate-users"], "Viewer"), (["others"], False)],
    )
    def test_grafanas_roles_come_from_groups_and_strangers_get_none(self, groups, role):
        environment = grafana_environment(client("hl-grafana"), DOMAIN)
        assert jmespath.search(environment["GF_AUTH_GENERIC_OAUTH_ROLE_ATTRIBUTE_PATH"], {"groups": groups}) == role
        assert environment["GF_AUTH_GENERIC_OAUTH_ROLE_ATTRIBUTE_STRICT"] == "true"

    def test_the_realms_issuer_ends_with_a_slash(self):
        realm = OpenIdRealm(**proxmox_realm(DOMAIN))
        assert realm.issuer_url == "https://auth.prodg.studio/application/o/proxmox/"
        assert not realm.default
        assert proxmox_group("estate-admins") == "estate-admins-authentik"

    def test_every_client_in_use_has_a_secret_of_its_own(self):
        assert len({each.secret for each in CLIENTS}) == len(CLIENTS)
        assert all(secret_of(each).generated for each in in_use())
