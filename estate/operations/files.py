"""Files as trees: everything that differs is shipped in one stream and written atomically."""

import base64
import gzip
import io
import shlex
import tarfile
from collections.abc import Generator, Sequence
from functools import cache
from pathlib import Path

from pyinfra import host
from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host
from pyinfra.api.operation import operation

from estate.facts.host_state import StateQuery, recall
from estate.facts.quiet import read
from estate.models.desired import STATE_DIR, Desired, Directory, Node
from estate.operations.announce import announce
from estate.operations.command import script
from estate.plan.files import FilePlan, file_changes, plan_files
from estate.plan.state import HostState
from estate.secrets.redact import redact

TIMEOUT = 300
"""Seconds that shipping a tree may take."""

_MAX_DIFF = 256 * 1024
"""Bytes of a file that is still read back for its diff."""


@cache
def apply_script() -> str:
    """The script that a payload is fed to."""
    return (Path(__file__).parent / "tree_apply.sh").read_text()


def _line(verb: str, node: Node, blob: str = "") -> str:
    return "\t".join([verb, f"{node.mode:04o}", node.owner, node.group, node.path, blob])


def outdated_stamps(desired: Desired, plan: FilePlan) -> list[str]:
    """Stamps of handlers that apply a file which is about to be written.

    They go first: whatever interrupts the run afterwards, the handler is still pending in the next one.
    """
    written = {file.path for file in plan.write} | set(plan.remove)
    return [handler.stamp for handler in desired.handlers if written & set(handler.paths)]


def payload(plan: FilePlan, stamps: Sequence[str] = ()) -> str:
    """The plan and the contents that it needs as a base64 tar, the same bytes for the same plan.

    + stamps: files to remove before anything else
    """
    # Removals come first: a directory that they leave empty goes too, unless it is declared and made again
    lines = [f"X\t-\t-\t-\t{path}\t" for path in (*stamps, *plan.remove)]
    lines += [_line("R" if d.recurse else "D", d) for d in plan.make]
    contents: dict[str, bytes] = {}
    for index, file in enumerate(plan.write):
        contents[f"b{index}"] = file.content
        lines.append(_line("F", file, f"b{index}"))
    for node in plan.adjust:
        lines.append(_line("R" if isinstance(node, Directory) and node.recurse else "A", node))
    buffer = io.BytesIO()
    # gzip would write the time into its header
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in {"plan": ("\n".join(lines) + "\n").encode(), **contents}.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o600
            archive.addfile(info, io.BytesIO(data))
    return base64.encodebytes(buffer.getvalue()).decode()


def _old_contents(target: Host, plan: FilePlan, state: HostState) -> dict[str, bytes]:
    """The present contents of the files that will change, for the diff: one remote command, nothing printed."""
    paths = [file.path for file in plan.write if file.path in state.paths and not file.path.startswith(STATE_DIR)]
    if not paths:
        return {}
    quoted = " ".join(shlex.quote(path) for path in paths)
    text = f'for f in {quoted}; do printf "%s " "$f"; head -c {_MAX_DIFF} "$f" | base64 -w0; echo; done'
    pairs = (line.partition(" ") for line in read(target, text))
    contents = {path: base64.b64decode(data) for path, _, data in pairs}
    for file in plan.write:
        if file.mask == "dotenv" and file.path in contents:
            _learn_old(contents[file.path])
    return contents


def _learn_old(content: bytes) -> None:
    lines = (line for line in content.decode(errors="replace").splitlines() if "=" in line)
    redact.learn(line.split("=", 1)[1].strip("'\"") for line in lines)


@operation()
def sync(desired: Desired, query: StateQuery) -> Generator[StringCommand, None, None]:
    """Make a task's tree true: write, adjust and remove what differs, nothing else.

    + desired: the task's wanted state
    + query: what was asked of the host for this task
    """
    state = recall(host, query)
    plan = plan_files(desired, state)
    if not plan:
        host.noop(f"all {len(desired.tree.nodes)} paths of {desired.task} are as declared")
        return
    contents = _old_contents(host, plan, state) if host.state.config.DIFF else {}
    announce(host, desired.task, file_changes(plan, state, contents, redact, STATE_DIR))
    yield script(apply_script(), timeout=TIMEOUT, stdin=payload(plan, outdated_stamps(desired, plan)))
