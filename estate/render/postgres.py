"""The shared PostgreSQL as files and handlers (facts/homelab-vps.md, 2.1).

Debian's packages make the cluster VERSION/main; ours are a file in conf.d, pg_hba.conf, the passwords, and the dumps.
"""

from collections.abc import Iterator, Mapping
from hashlib import sha256

from estate.models.desired import Desired, Directory, File, Handler, Tree, Unit
from estate.models.host import HomelabHost
from estate.models.postgres import PostgresSettings, ServedDatabase
from estate.render.shell import shell, variables
from estate.render.templates import render

DEFAULTS, TASK = "postgres_defaults", "postgres_server"
PORT = 5432
LOCALE = "C.UTF-8"
SECRETS_DIR = "/etc/estate-postgres"
"""The roles' passwords: read by root alone, handed on through standard input."""
DUMPS = "/var/backups/estate-postgres"
_MIB = 1024**2


def tuning(memory: int, connections: int) -> dict[str, str]:
    """Settings for a machine that does nothing else, from its memory in bytes (pgtune's rules; facts 2.1).

    Of 4 GiB: a quarter for shared buffers, the rest for the page cache; each connection may sort in 5 MiB,
    so that even all of them at once do not need more than there is.
    """
    shared = memory // 4
    work = max(1, (memory - shared) // (connections * 3) // _MIB)
    return {
        "shared_buffers": f"{shared // _MIB}MB",
        "effective_cache_size": f"{memory * 3 // 4 // _MIB}MB",
        "maintenance_work_mem": f"{min(memory // 16, 2048 * _MIB) // _MIB}MB",
        "work_mem": f"{work}MB",
        "wal_buffers": "16MB",
        "min_wal_size": "512MB",
        "max_wal_size": "2GB",
        "checkpoint_completion_target": "0.9",
        "random_page_cost": "1.1",
        "effective_io_concurrency": "200",
    }


def _directory(settings: PostgresSettings) -> str:
    return f"/etc/postgresql/{settings.version}/main"


def secret_path(database: ServedDatabase) -> str:
    """Where the password of the database's role lies on the server."""
    return f"{SECRETS_DIR}/{database.name}"


def _owned(path: str, text: str, mode: int) -> File:
    return File(path, text.encode(), mode=mode, owner="postgres", group="postgres")


def _config(host: HomelabHost, settings: PostgresSettings) -> tuple[File, File]:
    folder = _directory(settings)
    values = tuning(host.resources.memory, settings.max_connections)
    conf = render("postgres_server/estate.conf.j2", settings=settings, tuning=values, port=PORT)
    hba = render("postgres_server/pg_hba.conf.j2", settings=settings)
    return _owned(f"{folder}/conf.d/50-estate.conf", conf, 0o644), _owned(f"{folder}/pg_hba.conf", hba, 0o640)


def _password(database: ServedDatabase, secrets: Mapping[str, str]) -> File:
    return File(secret_path(database), secrets[database.password.name].encode(), mode=0o400, mask="whole")


def database_handler(settings: PostgresSettings, database: ServedDatabase, value: str) -> Handler:
    """Makes role and database exist as declared, whenever one of them is not: the probe logs in as the role does."""
    words = {
        "NAME": database.name,
        "PASSWORD_FILE": secret_path(database),
        "CLUSTER": f"{settings.version}-main",
        "LOCALE": LOCALE,
        "PORT": str(PORT),
    }
    return Handler(
        name=f"postgres-{database.name.replace('_', '-')}",
        command=f"{variables(words)}{shell('operations/postgres_database.sh')}",
        digest=sha256(f"{database.name}\0{LOCALE}\0{value}".encode()).hexdigest(),
        probe=f"{variables(words)}{shell('operations/postgres_probe.sh')}",
    )


def _handlers(settings: PostgresSettings, config: tuple[File, File], secrets: Mapping[str, str]) -> Iterator[Handler]:
    conf, hba = config
    unit = f"postgresql@{settings.version}-main"
    # Most of these are read at start only
    yield Handler(
        "postgres-settings", f"systemctl restart {unit}", conf.digest, (conf.path,), probe=f"pg_isready -q -p {PORT}"
    )
    faults = "select 1 from pg_hba_file_rules where error is not null"
    ask = f"runuser -u postgres -- psql -wqtAX -p {PORT} -d postgres -c"
    # A file with a fault is not loaded, and the reload says nothing of it
    reload = f'[ -z "$({ask} "{faults}")" ] && systemctl reload {unit}'
    yield Handler("postgres-clients", reload, hba.digest, (hba.path,))
    for database in settings.databases:
        yield database_handler(settings, database, secrets[database.password.name])


def _dumps(settings: PostgresSettings) -> tuple[File, ...]:
    words = {"dumps": DUMPS, "names": [d.name for d in settings.databases], "port": PORT, "keep": 7}
    system = "/etc/systemd/system/estate-postgres-dump"
    script = render("postgres_server/dump.sh.j2", **words)
    return (
        File("/usr/local/sbin/estate-postgres-dump", script.encode(), mode=0o755),
        File(f"{system}.service", render("postgres_server/dump.service.j2", **words).encode()),
        File(f"{system}.timer", render("postgres_server/dump.timer.j2").encode()),
    )


def postgres_defaults() -> Desired:
    """What is true before the package: without it the cluster's encoding is that of whoever installs it."""
    text = render("postgres_server/createcluster.conf.j2", locale=LOCALE)
    folder = "/etc/postgresql-common"
    return Desired(DEFAULTS, tree=Tree((Directory(folder), File(f"{folder}/createcluster.conf", text.encode()))))


def postgres_server(host: HomelabHost, secrets: Mapping[str, str]) -> Desired:
    """What `tasks/postgres_server.py` makes true. Raises KeyError for a password that has no value.

    + secrets: values of the roles' passwords, by name
    """
    settings = host.postgres
    assert settings is not None  # noqa: S101 - callers have looked
    config, dumps = _config(host, settings), _dumps(settings)
    units = tuple(file for file in dumps if file.path.startswith("/etc"))
    digest = sha256("".join(file.digest for file in units).encode()).hexdigest()
    return Desired(
        TASK,
        packages=(f"postgresql-{settings.version}",),
        tree=Tree(
            (
                *config,
                *dumps,
                Directory(SECRETS_DIR, mode=0o700),
                Directory(DUMPS, mode=0o700, owner="postgres", group="postgres"),
                *(_password(database, secrets) for database in settings.databases),
            )
        ),
        units=(Unit("postgresql.service"), Unit("estate-postgres-dump.timer")),
        handlers=(
            *_handlers(settings, config, secrets),
            Handler("postgres-units", "systemctl daemon-reload", digest, tuple(file.path for file in units)),
        ),
    )
