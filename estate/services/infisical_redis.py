"""Infisical's own Redis (seed 003: never the applications' one)."""

from estate.models.backup import NoBackup
from estate.models.secret import SecretKind, SecretSpec
from estate.models.service import DataDir
from estate.services.redis import REDIS as _REDIS
from estate.services.redis import credentials, secret_files

INFISICAL_REDIS_PASSWORD = SecretSpec(
    name="INFISICAL_REDIS_PASSWORD",
    kind=SecretKind.PASSWORD,
    purpose="password of Infisical's Redis",
    bootstrap=True,
)

INFISICAL_REDIS = _REDIS.model_copy(
    update={
        "name": "infisical-redis",
        "purpose": "Queue of Infisical only",
        "secrets": (INFISICAL_REDIS_PASSWORD,),
        "secret_files": secret_files(INFISICAL_REDIS_PASSWORD),
        "credentials": credentials(INFISICAL_REDIS_PASSWORD),
        "data": (DataDir(path="infisical-redis", target="/data"),),
        "backup": NoBackup(reason="queue and cache only; Infisical rebuilds it"),
    }
)
