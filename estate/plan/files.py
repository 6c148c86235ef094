"""Files: a tree against what is on the host."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import unified_diff

from estate.models.desired import Desired, Directory, File, Node
from estate.plan.change import Change
from estate.plan.state import HostState, PathState


@dataclass(frozen=True)
class FilePlan:
    """What to do to make the tree true."""

    write: tuple[File, ...] = ()
    make: tuple[Directory, ...] = ()
    adjust: tuple[Node, ...] = ()
    remove: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.write or self.make or self.adjust or self.remove)


def _metadata_differs(node: Node, there: PathState) -> bool:
    return node.mode != there.mode or not there.owned_by(node.owner, node.group)


def plan_files(desired: Desired, state: HostState) -> FilePlan:
    """The difference between the task's tree (with its manifest) and the host."""
    write: list[File] = []
    make: list[Directory] = []
    adjust: list[Node] = []
    nodes: list[Node] = [*desired.tree, *([desired.manifest] if desired.tree.nodes else [])]
    for node in nodes:
        there = state.paths.get(node.path)
        if isinstance(node, Directory):
            if there is None or there.type != "directory":
                make.append(node)
            elif _metadata_differs(node, there):
                adjust.append(node)
        elif there is None or there.type != "regular file" or there.digest != node.digest:
            write.append(node)
        elif _metadata_differs(node, there):
            adjust.append(node)
    wanted = {file.path for file in desired.tree.files}
    remove = [path for path in state.manifest if path not in wanted and path in state.paths]
    return FilePlan(tuple(write), tuple(make), tuple(adjust), tuple(sorted(remove)))


def _describe(node: Node, there: PathState) -> tuple[str, ...]:
    why = []
    if node.mode != there.mode:
        why.append(f"mode {there.mode:04o} to {node.mode:04o}")
    if not there.owned_by(node.owner, node.group):
        why.append(f"owner {there.owner[0]}:{there.group[0]} to {node.owner}:{node.group}")
    return tuple(why)


def file_changes(
    plan: FilePlan,
    state: HostState,
    contents: Mapping[str, bytes],
    mask: Callable[[str], str],
    manifest_dir: str,
) -> list[Change]:
    """The plan in words, with masked diffs where the old contents are known.

    Manifests are our own bookkeeping: they are written, but are no news to a reader.
    """
    changes: list[Change] = []
    for directory in plan.make:
        changes.append(
            Change(
                "directory",
                directory.path,
                "create",
                (f"{directory.owner}:{directory.group} {directory.mode:04o}",),
            )
        )
    for file in plan.write:
        if file.path.startswith(manifest_dir):
            continue
        there = state.paths.get(file.path)
        diff = text_diff(file, contents.get(file.path), mask)
        if there is None:
            changes.append(Change("file", file.path, "create", (f"{file.owner}:{file.group} {file.mode:04o}",), diff))
        else:
            changes.append(Change("file", file.path, "update", _describe(file, there), diff))
    for node in plan.adjust:
        kind = "directory" if isinstance(node, Directory) else "file"
        if not node.path.startswith(manifest_dir):
            changes.append(Change(kind, node.path, "update", _describe(node, state.paths[node.path])))  # type: ignore[arg-type]
    for path in plan.remove:
        changes.append(Change("file", path, "delete", ("no longer declared",)))
    return changes


def text_diff(file: File, old: bytes | None, mask: Callable[[str], str]) -> str:
    """A unified diff for a reader; secret values never appear in it."""
    before, after = _readable(file, old, mask), _readable(file, file.content, mask)
    if before is None or after is None:
        return "binary content\n"
    if file.mask == "dotenv":
        return _dotenv_diff(file, old or b"")
    lines = unified_diff(before, after, f"{file.path} (host)", f"{file.path} (estate)", n=2)
    diff = "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
    return diff or "only masked values differ\n"


def _readable(file: File, content: bytes | None, mask: Callable[[str], str]) -> list[str] | None:
    if content is None:
        return []
    if file.mask == "whole":
        count = len(content.splitlines())
        return [f"«{count} masked lines»\n"]
    try:
        return mask(content.decode()).splitlines(keepends=True)
    except UnicodeDecodeError:
        return None


def _pairs(content: bytes) -> dict[str, str]:
    lines = (line for line in content.decode(errors="replace").splitlines() if "=" in line and line[:1] != "#")
    return dict(line.split("=", 1) for line in lines)


def _dotenv_diff(file: File, old: bytes) -> str:
    """Which names come, go and change; values stay out of it."""
    before, after = _pairs(old), _pairs(file.content)
    lines = [f"--- {file.path} (host)\n", f"+++ {file.path} (estate)\n"]
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            lines.append(f"-{name}=«masked»\n")
        elif name not in before:
            lines.append(f"+{name}=«masked»\n")
        elif before[name] != after[name]:
            lines += [f"-{name}=«masked, old»\n", f"+{name}=«masked, new»\n"]
    return "".join(lines)
