"""Alertmanager: alerts to Telegram (facts/services-mainframe.md, 12)."""

from estate.models.backup import NoBackup
from estate.models.image import image
from estate.models.service import Config, ConfigFile, Credential, DataDir, Health, Limits, Metrics, SecretFile, Service
from estate.models.watch import TELEGRAM_BOT_TOKEN, TELEGRAM_CHAT_ID

# A message that cannot be sent is logged with its URL, and Telegram's URLs hold the token. Alertmanager
# stays process 1: it is the one that a reload signals.
_MASKED_LOG = """
mkfifo -m 600 /tmp/log
token=$(cat /run/secrets/telegram-token)
while IFS= read -r line; do
    while :; do
        case $line in *"$token"*) line="${line%%"$token"*}«masked»${line#*"$token"}" ;; *) break ;; esac
    done
    printf '%s\\n' "$line"
done </tmp/log &
exec /bin/alertmanager "$@" >/tmp/log 2>&1
"""

ALERTMANAGER = Service(
    name="alertmanager",
    purpose="Alerts to Telegram",
    image=image("docker.io/prom/alertmanager:v0.34.0"),
    user="65534:65534",
    entrypoint=("sh", "-c", _MASKED_LOG, "alertmanager"),
    command=(
        "--config.file=/etc/alertmanager/alertmanager.yml",
        "--storage.path=/alertmanager",
        "--cluster.listen-address=",
    ),
    port=9093,
    secrets=(
        TELEGRAM_BOT_TOKEN,
        TELEGRAM_CHAT_ID,
    ),
    secret_files=(SecretFile(secret="TELEGRAM_BOT_TOKEN", path="telegram-token"),),  # noqa: S106 - a name
    credentials=(Credential(secret="TELEGRAM_BOT_TOKEN", prove='[ "$(cat)" = "$(cat /run/secrets/telegram-token)" ]'),),  # noqa: S106 - a name
    data=(DataDir(path="alertmanager", target="/alertmanager"),),
    config=Config(
        target="/etc/alertmanager",
        files=(ConfigFile(path="alertmanager.yml", template="alertmanager.yml.j2", secret=True),),
        reload=("sh", "-c", "amtool check-config /etc/alertmanager/alertmanager.yml && kill -HUP 1"),
    ),
    tmpfs=("/tmp",),  # noqa: S108 - in the container
    limits=Limits(cpus=0.5, memory="128m", pids=64),
    health=Health.wget(9093, "/-/healthy", start_period=30),
    metrics=Metrics(port=9093),
    backup=NoBackup(reason="silences and notification log only"),
)
