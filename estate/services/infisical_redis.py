"""Infisical's own Redis (seed 003: never the applications' one)."""

from estate.models.secret import SecretKind, SecretSpec
from estate.models.service import DataDir, NoBackup
from estate.services.redis import REDIS as _REDIS

INFISICAL_REDIS = _REDIS.model_copy(
    update={
        "name": "infisical-redis",
        "purpose": "Queue of Infisical only",
        "environment": {"REDIS_PASSWORD": "${INFISICAL_REDIS_PASSWORD}"},
        "secrets": (
            SecretSpec(
                name="INFISICAL_REDIS_PASSWORD",
                kind=SecretKind.PASSWORD,
                purpose="password of Infisical's Redis",
            ),
        ),
        "data": (DataDir(path="infisical-redis", target="/data"),),
        "backup": NoBackup(reason="queue and cache only; Infisical rebuilds it"),
    }
)
