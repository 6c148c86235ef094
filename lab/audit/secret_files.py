"""Files with secrets that everybody on the host may read."""

import shlex
from collections.abc import Iterable

from estate.models.desired import Desired, File
from lab.audit.result import Check, none_of

FOLDERS = ("/opt/prodg", "/var/lib/estate")
"""Where the estate keeps secrets: by their names nothing there may be open to others."""
SEARCHED = ("/etc", "/home", "/opt", "/root", "/srv", "/usr/local", "/var/backups", "/var/lib/estate")
"""Where files that hold a private key are looked for, whatever they are called."""
NAMES = (
    r".*/secrets/.*|.*/(\.env[^/]*|[^/]*\.env|[^/]*\.(key|age|pem\.key)|id_(rsa|ecdsa|ed25519)|\.pgpass|"
    r"[^/]*(secret|password|passwd|token)[^/]*)"
)
"""The stamps of handlers, NAME-credential, hold a digest and lie below a directory that is closed to others."""
_SCRIPT = r"""
echo @@secrets
for folder in @FOLDERS@; do
    [ ! -d "$folder" ] || find "$folder" -xdev -type f -perm -004 -regextype posix-extended -iregex @NAMES@
done
for folder in @SEARCHED@; do
    [ ! -d "$folder" ] || find "$folder" -xdev -type f -perm -004 -size -64k -exec \
        grep -lIE -e '^-----BEGIN ([A-Z]+ )*PRIVATE KEY-----' -e '^AGE-SECRET-KEY-1' {} +
done
for file in @DECLARED@; do
    [ ! -e "$file" ] || find "$file" -maxdepth 0 -perm /077
done
true
"""


def declared(tasks: Iterable[Desired]) -> list[str]:
    """The files that the deploy writes secrets into."""
    return sorted(node.path for task in tasks for node in task.tree if isinstance(node, File) and node.mask)


def script(paths: Iterable[str]) -> str:
    """Prints each file with a secret (by declaration, name or content) that others may read."""
    words = {"FOLDERS": FOLDERS, "NAMES": (NAMES,), "SEARCHED": SEARCHED, "DECLARED": tuple(paths)}
    text = _SCRIPT
    for name, values in words.items():
        text = text.replace(f"@{name}@", " ".join(shlex.quote(value) for value in values))
    return text


def check(lines: Iterable[str]) -> Check:
    """Those files; the script's lines are their paths."""
    return none_of("files with secrets that others may read", set(lines))
