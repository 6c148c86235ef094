"""A task's wanted state as operations, in the one order that works; all share one fact."""

from estate.facts.host_state import StateQuery
from estate.models.desired import Desired
from estate.operations import files, system


def converge(desired: Desired, project: str = "", *, handlers: bool = True) -> StateQuery:
    """Add the operations that make a task's state true; returns the query that they share.

    + project: the compose project whose containers are read along
    + handlers: False leaves applying the configuration to the caller (containers come up first)
    """
    query = StateQuery(desired, project)
    if desired.packages:
        system.packages(name="Install packages", desired=desired, query=query)
    if desired.accounts:
        system.accounts(name="Create accounts", desired=desired, query=query)
    if desired.tree.nodes:
        files.sync(name="Sync files", desired=desired, query=query)
    if desired.sysctl:
        system.sysctl(name="Set kernel parameters", desired=desired, query=query)
    if desired.handlers and handlers:
        system.handlers(name="Apply configuration", desired=desired, query=query)
    if desired.units:
        system.units(name="Enable units", desired=desired, query=query)
    return query
