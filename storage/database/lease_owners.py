"""Owners of leases and claims. One written `NODE:PROCESS` is a process of a node, and a node has one living process at most."""

from sqlalchemy import ColumnElement, and_, false, func


def is_predecessors(column: ColumnElement[str], owner: str) -> ColumnElement[bool]:
    """Whether an earlier process of this owner's node stands there: it is dead."""
    node, separator, _process = owner.rpartition(":")
    if not node:
        return false()
    mine = f"{node}{separator}"
    return and_(func.substr(column, 1, len(mine)) == mine, column != owner)
