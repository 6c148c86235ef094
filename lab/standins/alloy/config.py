"""The components of a configuration, checked: unknown blocks, attributes and references are errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lab.standins.alloy.river import Block, Reference, RiverError, parse
from lab.standins.alloy.stages import REQUIRED as STAGE_REQUIRED
from lab.standins.alloy.stages import Stage

Labels = dict[str, str]


@dataclass(frozen=True)
class Shape:
    """What a block takes: attributes (required ones among them) and inner blocks."""

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()


STAGES = {f"stage.{name}": Shape(needed, more) for name, (needed, more) in STAGE_REQUIRED.items()}
SHAPES = {
    "logging": Shape(optional=("level", "format")),
    "local.file_match": Shape(("path_targets",), ("sync_period",)),
    "loki.source.file": Shape(("targets", "forward_to"), ("tail_from_end",)),
    "loki.process": Shape(("forward_to",), blocks=tuple(STAGES)),
    "loki.write": Shape(optional=("external_labels", "max_streams"), blocks=("endpoint",)),
    "endpoint": Shape(("url",), ("name", "batch_wait", "batch_size", "remote_timeout", "tenant_id")),
    **STAGES,
}
EXPORTS = {"local.file_match": "targets", "loki.process": "receiver", "loki.write": "receiver"}


@dataclass(frozen=True)
class Source:
    """A loki.source.file: the targets it tails and the receivers it forwards to."""

    name: str
    targets: tuple[Labels, ...]
    forward_to: tuple[str, ...]
    from_end: bool = False


@dataclass(frozen=True)
class Process:
    """A loki.process."""

    stages: tuple[Stage, ...]
    forward_to: tuple[str, ...]


@dataclass(frozen=True)
class Write:
    """A loki.write with its endpoints."""

    urls: tuple[str, ...]
    external_labels: Labels


@dataclass
class Config:
    """All components; receivers by name."""

    sources: list[Source] = field(default_factory=list)
    processes: dict[str, Process] = field(default_factory=dict)
    writes: dict[str, Write] = field(default_factory=dict)
    components: int = 0


def _check(block: Block, allowed: tuple[str, ...] | None = None) -> None:
    shape = SHAPES.get(block.name)
    if shape is None or (allowed is not None and block.name not in allowed):
        what = "component" if allowed is None else "block"
        raise RiverError(block.line, f'cannot find the definition of {what} name "{block.name}"')
    unknown = sorted(set(block.attributes) - {*shape.required, *shape.optional})
    if unknown:
        raise RiverError(block.line, f'unrecognized attribute name "{unknown[0]}" in {block.name}')
    missing = [name for name in shape.required if name not in block.attributes]
    if missing:
        raise RiverError(block.line, f'missing required attribute "{missing[0]}" in {block.name}')
    for inner in block.blocks:
        _check(inner, shape.blocks)


class _Builder:
    def __init__(self, root: Block) -> None:
        self.blocks: dict[str, Block] = {}
        for block in root.blocks:
            _check(block)
            name = f"{block.name}.{block.label}" if block.label else block.name
            if "." in block.name and not block.label:
                raise RiverError(block.line, f'block "{block.name}" requires a label')
            if name in self.blocks:
                raise RiverError(block.line, f"block {name} already declared at {self.blocks[name].line}")
            self.blocks[name] = block

    def resolve(self, reference: Reference, export: str) -> Block:
        name, _, attribute = reference.path.rpartition(".")
        block = self.blocks.get(name)
        if block is None or EXPORTS.get(block.name) != attribute:
            raise RiverError(reference.line, f'component "{reference.path}" does not exist or is out of scope')
        if attribute != export:
            raise RiverError(reference.line, f"{reference.path} is not a list of {export}")
        return block

    def targets(self, value: Any, line: int) -> tuple[Labels, ...]:
        if isinstance(value, Reference):
            block = self.resolve(value, "targets")
            return self.targets(block.attributes["path_targets"], block.line)
        if not isinstance(value, list) or not all(isinstance(target, dict) for target in value):
            raise RiverError(line, "targets must be a list of objects")
        for target in value:
            if not isinstance(target.get("__path__"), str):
                raise RiverError(line, "each target must have a string __path__")
        return tuple({key: str(text) for key, text in target.items()} for target in value)

    def receivers(self, block: Block) -> tuple[str, ...]:
        values = block.attributes["forward_to"]
        if not isinstance(values, list):
            raise RiverError(block.line, "forward_to must be a list of receivers")
        names: list[str] = []
        for value in values:
            if not isinstance(value, Reference):
                raise RiverError(block.line, "forward_to must be a list of receivers")
            self.resolve(value, "receiver")
            names.append(value.path.rpartition(".")[0])
        return tuple(names)

    def build(self) -> Config:
        config = Config(components=sum("." in block.name for block in self.blocks.values()))
        for name, block in self.blocks.items():
            if block.name == "local.file_match":
                self.targets(block.attributes["path_targets"], block.line)
            elif block.name == "loki.source.file":
                targets = self.targets(block.attributes["targets"], block.line)
                from_end = bool(block.attributes.get("tail_from_end"))
                config.sources.append(Source(name, targets, self.receivers(block), from_end))
            elif block.name == "loki.process":
                stages = tuple(Stage(inner.name.removeprefix("stage."), inner.attributes) for inner in block.blocks)
                config.processes[name] = Process(stages, self.receivers(block))
            elif block.name == "loki.write":
                urls = tuple(str(inner.attributes["url"]) for inner in block.blocks)
                external = block.attributes.get("external_labels") or {}
                config.writes[name] = Write(urls, {key: str(text) for key, text in external.items()})
        return config


def load(text: str) -> Config:
    """Parse and check a configuration."""
    return _Builder(parse(text)).build()
