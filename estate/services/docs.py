"""The docs site: static files that Caddy serves (seed 000, 5.3; facts, 18)."""

from estate.models.backup import Backup, Files
from estate.models.service import Route, Service

DOCS = Service(
    name="docs",
    purpose="Documentation site",
    image=None,
    routes=(Route(host="docs", files="/srv/docs"),),
    depends_on=("caddy",),
    backup=Backup(parts=(Files(paths=("@root@/docs", "@root@/quartz"), optional=True),), starts=False),
)
