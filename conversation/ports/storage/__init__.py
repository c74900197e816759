"""The ports of storage, by noun: one transaction (`Work`) and what can be done in it. Repositories take and return data classes.

Locks are always taken in one order: customers (sorted by id), conversations, budgets, agent load, feed counter.
"""

from conversation.ports.storage.unit_of_work import Storage, Work

__all__ = ["Storage", "Work"]
