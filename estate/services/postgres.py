"""PostgreSQL 16 for the applications (facts/services-mainframe.md, 2)."""

from estate.models.backup import Backup, PostgresDump
from estate.models.image import image
from estate.models.secret import SecretKind, SecretSpec
from estate.models.service import Credential, DataDir, Health, Limits, SecretFile, Service

FIXED = "the database was made with it; rename it in PostgreSQL first"
PASSWORD_FILE = "/run/secrets/password"  # noqa: S105 - a path

PROVE = 'PGPASSWORD="$(cat)" psql -wqtX -h 127.0.0.1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -c "select 1"'

# A statement that fails would be logged with its text, and the text holds the password
CHANGE = """{
    echo "set log_min_error_statement = panic;"
    printf 'alter role "%s" password %s;\\n' "$POSTGRES_USER" "'$(sed "s/'/''/g")'"
} | psql -qX -v ON_ERROR_STOP=1 -d "$POSTGRES_DB" -U "$POSTGRES_USER"
"""

POSTGRES = Service(
    name="postgres",
    purpose="Relational database of the applications",
    image=image("docker.io/library/postgres:16.15-alpine3.24"),
    user="70:70",
    port=5432,
    environment={
        "POSTGRES_USER": "${POSTGRES_USER}",
        "POSTGRES_PASSWORD_FILE": PASSWORD_FILE,
        "POSTGRES_DB": "${POSTGRES_DB}",
        "POSTGRES_INITDB_ARGS": "--auth-host=scram-sha-256 --data-checksums",
    },
    secrets=(
        SecretSpec(name="POSTGRES_USER", kind=SecretKind.USERNAME, purpose="owner role", default="prodg", fixed=FIXED),
        SecretSpec(name="POSTGRES_DB", kind=SecretKind.USERNAME, purpose="database name", default="prodg", fixed=FIXED),
        SecretSpec(
            name="POSTGRES_PASSWORD", kind=SecretKind.PASSWORD, purpose="the owner role's password", rotate_days=180
        ),
    ),
    secret_files=(SecretFile(secret="POSTGRES_PASSWORD", path="password"),),  # noqa: S106 - a name
    credentials=(Credential(secret="POSTGRES_PASSWORD", prove=PROVE, change=CHANGE),),  # noqa: S106 - a name
    data=(DataDir(path="postgres", target="/var/lib/postgresql/data", mode=0o700),),
    tmpfs=("/var/run/postgresql", "/tmp"),  # noqa: S108 - in the container
    limits=Limits(cpus=2.0, memory="1g", pids=256),
    health=Health.shell('pg_isready -h 127.0.0.1 -U "$POSTGRES_USER" -d "$POSTGRES_DB"'),
    backup=Backup(parts=(PostgresDump(),)),
    stop_grace_period=60,
    shm_size="256m",
)
