"""Contract of Authentik's stand-in below HTTP: its environment, its blueprints, its policies, whom it believes."""

import pytest
from starlette.requests import Request

from lab.standins.authentik.blueprints import INSTANCE, OBJECT, Blueprints
from lab.standins.authentik.people import Person
from lab.standins.authentik.policies import PolicyRequest, evaluate
from lab.standins.authentik.settings import SettingsError, read
from lab.standins.authentik.stages import seconds
from lab.standins.authentik.visit import client_ip
from lab.standins.rows import MemoryStore

ENVIRONMENT = {"AUTHENTIK_SECRET_KEY": "k", "AUTHENTIK_POSTGRESQL__SSLMODE": "require"}
GROUP = "  - {model: authentik_core.group, id: g, identifiers: {name: team}}\n"


def applied(tmp_path, **files):
    store = MemoryStore()
    for name, entries in files.items():
        head = f"version: 1\nmetadata: {{name: {name}}}\nentries:\n"
        (tmp_path / f"{name}.yaml").write_text(head + entries)
    return store, Blueprints(store, tmp_path, {"FROM_ENV": "value"}).apply_all()


class TestSettings:
    def test_values_come_from_files(self, tmp_path):
        (tmp_path / "p").write_text("pass word\n")
        found = read(ENVIRONMENT | {"AUTHENTIK_POSTGRESQL__PASSWORD": f"file://{tmp_path}/p"})
        assert found.database == "postgresql://authentik:pass%20word@localhost:5432/authentik?sslmode=require"

    @pytest.mark.parametrize(
        ("over", "fault"),
        [
            ({"AUTHENTIK_SECRET_KEY": ""}, "Secret key missing"),
            ({"AUTHENTIK_SECRET_KEY": "file:///nowhere"}, "is not there"),
            ({"AUTHENTIK_POSTGRESQL__SSLMODE": "on"}, "on is none"),
            ({"AUTHENTIK_BOOTSTRAP_PASSWORD": "file:///x"}, "taken literally"),
            ({"AUTHENTIK_BOOTSTRAP_PASSWORD": "a", "AUTHENTIK_BOOTSTRAP_PASSWORD_HASH": "b"}, "give one of them"),
            ({"AUTHENTIK_LISTEN__TRUSTED_PROXY_CIDRS": "all"}, "TRUSTED_PROXY_CIDRS"),
        ],
    )
    def test_a_fault_stops_the_start(self, over, fault):
        with pytest.raises(SettingsError, match=fault):
            read(ENVIRONMENT | over)

    @pytest.mark.parametrize(("text", "wanted"), [("hours=8", 28800), ("minutes=1;seconds=5", 65), ("seconds=0", 0)])
    def test_durations(self, text, wanted):
        assert seconds(text) == wanted


class TestBlueprints:
    def test_a_reference_is_the_other_object(self, tmp_path):
        store, results = applied(
            tmp_path,
            a=GROUP + "  - {model: authentik_core.application, identifiers: {slug: x}, attrs: {name: !Env FROM_ENV}}\n"
            "  - {model: authentik_policies.policybinding, identifiers: {target: !Find "
            "[authentik_core.application, [slug, x]], group: !KeyOf g, order: 0}}\n",
        )
        assert results == {"a": ""}
        (binding,) = store.every(OBJECT, model="authentik_policies.policybinding")
        assert store.get(OBJECT, binding["group"])["name"] == "team"
        assert store.get(OBJECT, binding["target"])["name"] == "value"

    @pytest.mark.parametrize(
        ("entry", "fault"),
        [
            ("  - {model: authentik_core.grup, identifiers: {name: x}}\n", "no such model"),
            ("  - {model: authentik_core.group, identifiers: {name: x}, attrs: {colour: red}}\n", "unknown: colour"),
            ("  - {model: authentik_core.group, identifiers: {name: x}, state: gone}\n", "unknown: state"),
            ("  - {model: authentik_core.application, identifiers: {slug: x}, attrs: {name: !KeyOf no}}\n", "KeyOf"),
            (
                "  - {model: authentik_brands.brand, identifiers: {domain: d}, attrs: {flow_authentication: !Find "
                "[authentik_flows.flow, [slug, none]]}}\n",
                "may not be null: flow_authentication",
            ),
            ("  - {model: authentik_core.application, identifiers: {slug: x}, attrs: {name: !File /none}}\n", "name"),
            ("  - {model: authentik_core.group, identifiers: {name: !Upper x}}\n", "not a blueprint"),
        ],
    )  # fmt: skip
    def test_a_fault_leaves_nothing_of_the_file(self, tmp_path, entry, fault):
        store, results = applied(tmp_path, a=GROUP + entry)
        (why,) = results.values()
        assert fault in why
        assert not store.every(OBJECT, name="team")
        assert store.every(INSTANCE)[0]["status"] == "error"

    def test_what_a_file_names_is_applied_before_it(self, tmp_path):
        meta = "  - {model: authentik_blueprints.metaapplyblueprint, attrs: {identifiers: {name: z}, required: true}}\n"
        find = "  - {model: authentik_core.application, identifiers: {slug: x}, attrs: {name: n}}\n"
        _, results = applied(tmp_path, a=meta + find, z=GROUP)
        assert results == {"z": "", "a": ""}

    def test_without_what_it_names_a_file_is_not_applied(self, tmp_path):
        meta = "  - {model: authentik_blueprints.metaapplyblueprint, attrs: {identifiers: {name: gone}}}\n"
        _, results = applied(tmp_path, a=meta + GROUP)
        assert results["a"] == "required blueprint gone is not applied"

    def test_a_provider_that_does_not_say_what_it_grants_grants_nothing(self, tmp_path):
        flow = "!Find [authentik_flows.flow, [slug, default-provider-invalidation-flow]]"
        store, results = applied(
            tmp_path,
            a=f"  - {{model: authentik_providers_oauth2.oauth2provider, identifiers: {{name: x}}, attrs: {{"
            f"authorization_flow: {flow}, invalidation_flow: {flow}, client_type: confidential, client_id: x, "
            "client_secret: y, redirect_uris: [{matching_mode: strict, url: 'https://x'}]}}\n",
        )
        assert results == {"a": ""}
        assert store.every(OBJECT, client_id="x")[0]["grant_types"] == ()


class TestPolicies:
    PERSON = Person(1, "a", "A", "a@b.c", ("estate-admins",))

    @pytest.mark.parametrize(
        ("expression", "wanted"),
        [
            ('return ak_client_ip in ip_network("10.0.0.0/8")', True),
            ('return ak_is_group_member(request.user, name="estate-users")', False),
            ('return (request.context.get("pending_user") or request.user).is_superuser', False),
            ("x = 1\nreturn x == 1", True),
        ],
    )
    def test_expressions_have_authentiks_names(self, expression, wanted):
        assert evaluate(expression, PolicyRequest(self.PERSON, "10.1.2.3")) is wanted


class TestClientAddress:
    """Whoever may say where a login comes from may say that it comes from inside."""

    @pytest.mark.parametrize(
        ("peer", "said", "wanted"),
        [
            ("10.20.0.50", "203.0.113.7", "203.0.113.7"),
            ("10.20.0.99", "203.0.113.7", "10.20.0.99"),
            ("10.20.0.50", "10.20.0.1, 203.0.113.7", "203.0.113.7"),
            ("10.20.0.50", "", "10.20.0.50"),
            ("10.20.0.50", "nonsense", "255.255.255.255"),
        ],
    )
    def test_only_a_trusted_proxy_is_believed(self, peer, said, wanted):
        found = read(ENVIRONMENT | {"AUTHENTIK_LISTEN__TRUSTED_PROXY_CIDRS": "10.20.0.50/32"})
        headers = [(b"x-forwarded-for", said.encode())] if said else []
        request = Request({"type": "http", "client": (peer, 1), "headers": headers})
        assert client_ip(request, found) == wanted
