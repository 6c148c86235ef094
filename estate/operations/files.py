"""Files as trees: everything that differs is shipped in one stream and written atomically."""

import base64
import gzip
import io
import shlex
import tarfile
from collections.abc import Generator, Sequence

from pyinfra import host
from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host
from pyinfra.api.operation import operation
from pyinfra.api.state import StateStage

from estate.facts.host_state import StateQuery, recall
from estate.facts.quiet import read
from estate.models.desired import STATE_DIR, Desired, Directory, Node
from estate.operations.announce import announce
from estate.operations.command import script
from estate.plan.files import FilePlan, file_changes, plan_files
from estate.plan.state import HostState
from estate.render.shell import shell
from estate.secrets.redact import redact

TIMEOUT = 300
"""Seconds that shipping a tree may take."""

_MAX_DIFF = 256 * 1024
"""Bytes of a file that is still read back for its diff."""


def apply_script() -> str:
    """The script that a payload is fed to."""
    return shell("operations/tree_apply.sh")


def _line(verb: str, node: Node, blob: str = "") -> str:
    return "\t".join([verb, f"{node.mode:04o}", node.owner, node.group, node.path, blob])


def outdated_stamps(desired: Desired, plan: FilePlan) -> list[str]:
    """Stamps of handlers that apply a file which is about to be written.

    They go first: whatever interrupts the run afterwards, the handler is still pending in the next one.
    """
    written = {file.path for file in plan.write} | set(plan.remove)
    return [handler.stamp for handler in desired.handlers if written & set(handler.paths)]


def guarded_paths(desired: Desired, plan: FilePlan) -> list[tuple[str, str]]:
    """Handler and path of everything that a guarded handler applies and that is about to change."""
    touched = {file.path for file in plan.write} | set(plan.remove)
    handlers = [handler for handler in desired.handlers if handler.guard and touched & set(handler.paths)]
    return [(handler.name, path) for handler in handlers for path in handler.paths]


def payload(plan: FilePlan, stamps: Sequence[str] = (), guarded: Sequence[tuple[str, str]] = ()) -> str:
    """The plan and the contents that it needs as a base64 tar, the same bytes for the same plan.

    + stamps: files to remove before anything else
    + guarded: handler and path of files whose present content is kept until the change has proven itself
    """
    # Removals come first: a directory that they leave empty goes too, unless it is declared and made again
    lines = [f"G\t-\t-\t-\t{path}\t{handler}" for handler, path in guarded]
    lines += [f"X\t-\t-\t-\t{path}\t" for path in (*stamps, *plan.remove)]
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


_known: dict[str, dict[str, dict[str, bytes]]] = {}


def _recall_contents(target: Host, task: str, plan: FilePlan, state: HostState) -> dict[str, bytes]:
    """The same, read once a run: for the plan's diff, and for the report of what was changed."""
    contents = _known.setdefault(target.name, {})
    if task not in contents:
        contents[task] = _old_contents(target, plan, state)
    return contents[task]


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
    wanted = host.state.config.DIFF or host.state.current_stage == StateStage.Execute
    contents = _recall_contents(host, desired.task, plan, state) if wanted else {}
    announce(host, desired.task, file_changes(plan, state, contents, redact, STATE_DIR))
    stdin = payload(plan, outdated_stamps(desired, plan), guarded_paths(desired, plan))
    yield script(apply_script(), timeout=TIMEOUT, stdin=stdin)
