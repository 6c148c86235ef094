"""The docs site: Quartz's sources and output, its rebuild job, and a first page (seed 000, 5.3 and 9)."""

from estate.models.desired import Desired, Directory, File, Handler, Tree, Unit
from estate.models.host import MainframeHost
from estate.models.stack import Stack
from estate.render.templates import render


def docs_site(host: MainframeHost, stack: Stack) -> Desired:
    """What `tasks/docs_site.py` makes true.

    The page `estate.html` is generated; everything else below public/ belongs to Quartz and is left alone.
    """
    root = stack.settings.root
    service = File(
        "/etc/systemd/system/quartz-build.service", render("docs/quartz-build.service.j2", root=root).encode()
    )
    timer = File("/etc/systemd/system/quartz-build.timer", render("docs/quartz-build.timer.j2").encode())
    page = render("docs/estate.html.j2", host=host, stack=stack)
    public = f"{root}/docs/public"
    return Desired(
        task="docs_site",
        tree=Tree(
            (
                Directory(root),
                Directory(f"{root}/docs", owner="prodg", group="prodg"),
                Directory(f"{root}/quartz", owner="prodg", group="prodg"),
                Directory(public, owner="prodg", group="prodg"),
                File(f"{public}/estate.html", page.encode(), owner="prodg", group="prodg"),
                service,
                timer,
            )
        ),
        units=(Unit("quartz-build.timer", running=host.docs.rebuild),),
        handlers=(
            Handler(
                "quartz-units", "systemctl daemon-reload", service.digest + timer.digest, (service.path, timer.path)
            ),
        ),
    )
