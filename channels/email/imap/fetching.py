"""Mails asked for by number: what a server will not give out is found out one by one, so that the others flow."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from channels.email.imap.connection import Connection, Refused

TRIES = 3  # in a row, before a mail is passed for now: some servers cannot read a mail that they hold
BEGINNING = 256 * 1024


@dataclass(slots=True)
class Fetched:
    """Of the numbers asked for: the bytes, and why the server does not give out the others. In neither: gone."""

    raws: dict[int, bytes] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)


async def sizes(connection: Connection, uids: Sequence[int]) -> tuple[dict[int, int], dict[int, str]]:
    """Sizes in bytes, and for mails that exist without one, why it is missing."""
    try:
        found = await connection.sizes(uids)
        left = [uid for uid in uids if uid not in found]
        refused = dict.fromkeys(left, "the server did not give its size")
    except Refused as error:
        found, refused = await _one_by_one(connection, uids, error)
    return found, await _there(connection, refused)


async def _one_by_one(
    connection: Connection, uids: Sequence[int], first: Refused
) -> tuple[dict[int, int], dict[int, str]]:
    if len(uids) == 1:
        return {}, {uids[0]: first.detail}
    found: dict[int, int] = {}
    refused: dict[int, str] = {}
    for uid in uids:
        try:
            found |= await connection.sizes([uid])
            if uid not in found:
                refused[uid] = "the server did not give its size"
        except Refused as error:
            refused[uid] = error.detail
    return found, refused


async def mails(connection: Connection, sizes_of: Mapping[int, int], largest: int) -> Fetched:
    """Those with these sizes, together; of one that is too large only its beginning."""
    fetched = Fetched()
    fitting = [uid for uid, size in sizes_of.items() if size <= largest]
    if fitting:
        with suppress(Refused):  # for the sake of one of them, or of all: each is asked for alone
            fetched.raws |= await connection.mails(fitting, sum(sizes_of[uid] for uid in fitting))
    missing = {uid: size for uid, size in sizes_of.items() if uid not in fetched.raws}
    for uid, size in missing.items():
        await _alone(connection, uid, size if size <= largest else None, fetched)
    fetched.refused = await _there(connection, fetched.refused)
    return fetched


async def _alone(connection: Connection, uid: int, size: int | None, into: Fetched) -> None:
    for _ in range(TRIES):
        try:
            if size is None:
                raw = await connection.beginning(uid, BEGINNING)
            else:
                raw = (await connection.mails([uid], size)).get(uid)
        except Refused as error:
            into.refused[uid] = error.detail
            continue
        if raw is not None:
            into.raws[uid] = raw
            into.refused.pop(uid, None)
            return
        into.refused[uid] = "the server says that it gave it, and did not"


async def _there(connection: Connection, refused: dict[int, str]) -> dict[int, str]:
    """A mail that somebody deleted meanwhile is missed by nobody."""
    if not refused:
        return refused
    there = set(await connection.uids_among(sorted(refused)))
    return {uid: why for uid, why in refused.items() if uid in there}
