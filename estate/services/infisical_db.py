"""Infisical's own PostgreSQL: secrets do not share a database with applications (seed 003)."""

from estate.models.backup import Backup, PostgresDump
from estate.models.secret import SecretKind, SecretSpec
from estate.models.service import Credential, DataDir, Limits, SecretFile
from estate.services.postgres import CHANGE, PASSWORD_FILE, PROVE
from estate.services.postgres import POSTGRES as _POSTGRES

INFISICAL_DB_PASSWORD = SecretSpec(
    name="INFISICAL_DB_PASSWORD",
    kind=SecretKind.PASSWORD,
    purpose="password of Infisical's database",
    bootstrap=True,
)

INFISICAL_DB = _POSTGRES.model_copy(
    update={
        "name": "infisical-db",
        "purpose": "Database of Infisical only",
        "environment": {
            "POSTGRES_USER": "infisical",
            "POSTGRES_PASSWORD_FILE": PASSWORD_FILE,
            "POSTGRES_DB": "infisical",
            "POSTGRES_INITDB_ARGS": "--auth-host=scram-sha-256 --data-checksums",
        },
        "secrets": (INFISICAL_DB_PASSWORD,),
        "secret_files": (SecretFile(secret=INFISICAL_DB_PASSWORD.name, path="password"),),
        "credentials": (Credential(secret=INFISICAL_DB_PASSWORD.name, prove=PROVE, change=CHANGE),),
        "data": (DataDir(path="infisical-db", target="/var/lib/postgresql/data", mode=0o700),),
        "limits": Limits(cpus=1.0, memory="512m", pids=128),
        "backup": Backup(parts=(PostgresDump(),), secrets=("INFISICAL_ENCRYPTION_KEY", "INFISICAL_AUTH_SECRET")),
        "shm_size": None,
    }
)
