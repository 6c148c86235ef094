"""lynis on a lab host: installed from the host's own mirror, run as root, its report read."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lab.audit.result import Check, none_of
from lab.errors import LabError

WANTED = 80
PROFILE = Path(__file__).parent / "lynis.prf"
_SCRIPT = """\
set -eu
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
apt="apt-get -o DPkg::Lock::Timeout=120 -qq"
if ! command -v lynis >/dev/null; then
    { $apt update && $apt -y --no-install-recommends install lynis; } >/dev/null 2>&1 ||
        { echo "apt could not install lynis" >&2; exit 1; }
    # the package's own timer would run it every night
    systemctl disable --now lynis.timer >/dev/null 2>&1 || true
fi
exec 9>/run/estate-audit.lock
flock 9
profile=/etc/lynis/custom.prf
trap 'rm -f $profile' EXIT
cat >$profile <<'PROFILE'
@PROFILE@
PROFILE
report=/var/log/lynis-report.dat
rm -f $report
lynis audit system --quick --no-colors >/dev/null 2>&1 </dev/null 9>&- || true
echo @@lynis
grep -E '^(hardening_index|warning\\[\\]|suggestion\\[\\])=' $report
"""


@dataclass(frozen=True)
class Report:
    """A lynis report: its index, and its warnings and suggestions as "TEST: text"."""

    index: int
    warnings: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()


def script(profile: str) -> str:
    """The script that installs and runs lynis with a profile of ours beside its own."""
    return _SCRIPT.replace("@PROFILE@", profile.rstrip("\n"))


def parse(lines: Iterable[str]) -> Report:
    """The report's lines. Raises LabError when it has no index: lynis did not get to its end."""
    index, found = None, {"warning[]": list[str](), "suggestion[]": list[str]()}
    for line in lines:
        key, _, value = line.partition("=")
        if key == "hardening_index" and value.isdigit():
            index = int(value)
        elif key in found:
            test, text, more = [*value.split("|"), "", ""][:3]
            found[key].append(f"{test}: {text}" + (f" ({more})" if more not in ("", "-") else ""))
    if index is None:
        raise LabError("lynis wrote no index", "run `lynis audit system` on the host and read its output")
    return Report(index, tuple(found["warning[]"]), tuple(found["suggestion[]"]))


def checks(report: Report) -> list[Check]:
    """The report against what is wanted."""
    index = Check(
        "lynis: index without what is the machine's",
        str(report.index),
        f"at least {WANTED}",
        report.index >= WANTED,
        () if report.index >= WANTED else report.suggestions,
    )
    return [index, none_of("lynis: warnings", report.warnings)]
