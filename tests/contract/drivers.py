"""The two clients that are held to the same promises: the official SDK, and ours."""

from infisical_sdk import InfisicalSDKClient

from estate.clients.infisical import Infisical, Scope


class Sdk:
    """infisicalsdk, which speaks v3."""

    def __init__(self, live, client_id, client_secret):
        self.live = live
        self.client = InfisicalSDKClient(host=live.url, cache_ttl=None)
        self.client.auth.universal_auth.login(client_id, client_secret)

    def _where(self, path):
        return {
            "project_id": self.live.project,
            "environment_slug": self.live.environment,
            "secret_path": path,
        }

    def write(self, path, values):
        there = self.read(path)
        for name, value in values.items():
            call = (
                self.client.secrets.update_secret_by_name
                if name in there
                else self.client.secrets.create_secret_by_name
            )
            arguments = {"secret_value": value, **self._where(path)}
            if name in there:
                call(current_secret_name=name, **arguments)
            else:
                call(secret_name=name, **arguments)

    def read(self, path):
        found = self.client.secrets.list_secrets(
            **self._where(path), include_imports=True, expand_secret_references=False
        )
        values = {}
        for group in found.imports:
            # The SDK leaves these as they came
            values |= {one["secretKey"]: one["secretValue"] for one in group.secrets}
        return values | {one.secretKey: one.secretValue for one in found.secrets}

    def delete(self, path, name):
        self.client.secrets.delete_secret_by_name(secret_name=name, **self._where(path))


class Ours:
    """estate.clients.infisical, which speaks v4."""

    def __init__(self, live, client_id, client_secret):
        self.live = live
        self.client: Infisical = live.client()
        self.client.login(client_id, client_secret)

    def _scope(self, path):
        return Scope(self.live.project, self.live.environment, path)

    def write(self, path, values):
        self.client.upsert(self._scope(path), values)

    def read(self, path):
        return self.client.secrets(self._scope(path))

    def delete(self, path, name):
        self.client.delete(self._scope(path), [name])


DRIVERS = {"sdk": Sdk, "ours": Ours}
