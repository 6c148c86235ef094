"""Backups to test with: production's stores and made-up secrets of the right form."""

from typing import Any

from factories import mainframe

from estate.models.backup import BackupSettings
from estate.models.host import MainframeHost
from estate.models.secret_store import SecretStore

SEED = "4f" * 16 + "a3" * 16
RECIPIENT = "age16tfuua6zqv8cxrt59gdpt3wrkwucdzap8jgvz2wqckwq7u7w4y4q2jd042"
B2: dict[str, Any] = {"kind": "rclone", "name": "b2", "bucket": "MainframeBackup"}
LOCAL: dict[str, Any] = {"kind": "directory", "name": "local", "path": "/opt/prodg/backups/sets", "keep_newest": 2}
NFS: dict[str, Any] = {
    "kind": "directory",
    "name": "nfs",
    "path": "/mnt/omv/backups",
    "mount": "/mnt/omv",
    "source": "omv.example.org:/export/backups",
    "filesystems": ["nfs", "nfs4"],
    "kinds": ["weekly"],
}


def settings(*stores: dict[str, Any], **over: Any) -> BackupSettings:
    """Settings with these stores; with none of them, production's three."""
    return BackupSettings.model_validate({"stores": list(stores) or [B2, LOCAL, NFS], **over})


def host(*stores: dict[str, Any], **over: Any) -> MainframeHost:
    """A mainframe with these backups."""
    store = SecretStore(organization="o", project="p", admin_email="a@example.org")
    return mainframe(backups=settings(*stores, **over), age_recipients=(RECIPIENT,), secret_store=store)
