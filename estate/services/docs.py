"""The docs site: static files that Caddy serves (seed 000, 5.3; facts, 18)."""

from estate.models.service import Backup, Route, Service

DOCS = Service(
    name="docs",
    purpose="Documentation site",
    image=None,
    routes=(Route(host="docs", files="/srv/docs"),),
    depends_on=("caddy",),
    backup=Backup(paths=("/opt/prodg/docs", "/opt/prodg/quartz")),
)
