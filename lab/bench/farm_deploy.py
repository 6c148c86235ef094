"""The farm's deploy: a run like any other, with its lock, preflight and journal, and one task with a few files."""

from pyinfra import host, inventory

from lab.bench.farm_job import edge, prepared

edge(prepared(inventory)[host.name]["edge"])  # type: ignore[call-arg,arg-type]  # pyinfra types deploys as operations
