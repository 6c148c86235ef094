"""What makes a host harder to break, beside sshd and the kernel settings: docs/decisions/0012-hardening.md."""

from estate.models.desired import Directory, File, Handler, Node
from estate.models.host import Host
from estate.render.templates import render

SCRIPT = "/usr/local/sbin/estate-harden"


def hardening(host: Host) -> list[Node]:
    """Banners, core dumps, idle shells, modules that may not be loaded, package checks, and the script."""
    issue = render("base/issue.j2").encode()
    modules = (*host.disabled_modules, *(() if host.usb_storage else ("usb-storage",)))
    return [
        File("/etc/issue", issue),
        File("/etc/issue.net", issue),
        Directory("/etc/modprobe.d"),
        File("/etc/modprobe.d/60-estate.conf", render("base/modprobe.conf.j2", modules=modules).encode()),
        Directory("/etc/security/limits.d"),
        File("/etc/security/limits.d/60-estate.conf", render("base/limits.conf.j2").encode()),
        Directory("/etc/profile.d"),
        File("/etc/profile.d/60-estate.sh", render("base/profile.sh.j2").encode()),
        Directory("/etc/systemd/coredump.conf.d"),
        File("/etc/systemd/coredump.conf.d/60-estate.conf", render("base/coredump.conf.j2").encode()),
        File("/etc/default/debsums", render("base/debsums.j2").encode()),
        File(SCRIPT, render("base/harden.sh.j2").encode(), mode=0o755),
    ]


def harden_handler(nodes: list[Node]) -> Handler:
    """Runs the script; it is due again as soon as one of its settings is lost."""
    script = next(node for node in nodes if isinstance(node, File) and node.path == SCRIPT)
    return Handler("harden", SCRIPT, script.digest, (SCRIPT,), probe=f"{SCRIPT} --check")
