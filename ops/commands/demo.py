"""`huntgroup demo`: a running server with a demo team and simulated customers; prints its address and a one-time login. Where it runs already, it prints new ones."""

import argparse
import asyncio
import os
import sys
from datetime import timedelta

from conversation.errors import Conflict
from conversation.id_generator import new_id
from conversation.model.message import MessageReceived
from conversation.model.people import DEFAULT_CAPACITY, Agent, Identity, Role, WorkKind
from conversation.ports.storage import Storage
from desk.http.tokens import new_token
from ops.cli.database_session import opened
from ops.commands.serve import Options, serve
from ops.composition.application import Application
from ops.configuration.settings import Settings, load
from ops.simulation.demo_people import CUSTOMERS, TEAM, DemoAgent
from ops.system_clock import SystemClock
from storage.store import Store

_LOGIN = timedelta(hours=12)
_CHATS_AT_ONCE = 8  # chats at once: enough for the simulated customers and whoever tries the page


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument(
        "--listen", metavar="ADDRESS", help="instead of the configuration's; port 0 takes any that is free"
    )
    parser.add_argument("--database", metavar="URL", help="instead of the configuration's")
    parser.add_argument("--quiet-customers", action="store_true", help="no simulated customers")


def run(args: argparse.Namespace) -> int:
    """Serve, with people; 0 after a clean end."""
    environment = {"HUNTGROUP_SERVICE__LOG_LEVEL": "warning", **os.environ}
    options = Options(config=args.config, environment=environment, listen=args.listen, database=args.database)
    return asyncio.run(_demo(options, quiet=args.quiet_customers))


async def _demo(options: Options, *, quiet: bool) -> int:
    starting: list[asyncio.Task[None]] = []

    def ready(application: Application, url: str) -> None:
        starting.append(asyncio.ensure_future(_people(application, url, options, quiet=quiet)))

    code = await serve(options, ready=ready, served=_elsewhere)
    await asyncio.gather(*starting)
    return code


async def _elsewhere(settings: Settings, url: str) -> int:
    """The server runs already: its address once more, and a fresh login where the demo's people are there."""

    async def doing(store: Store, settings: Settings) -> int:
        login = await _login(store, TEAM[0].email)
        sys.stdout.write(_welcome(url, _chats(settings), login, stops=False))
        return 0

    return await opened(settings, doing)


async def _people(application: Application, url: str, options: Options, *, quiet: bool) -> None:
    """The team, a login for you, some customers; then the addresses."""
    for person in TEAM:
        await _hire(application, person)
    login = await _login(application.store, TEAM[0].email)
    settings = load(options.config, options.environment, overrides=options.overrides(), make_secrets=False)
    chats = _chats(settings)
    if not quiet and chats:
        await application.inbox.accept(_letters(chats[0]))
    sys.stdout.write(_welcome(url, chats, login))
    sys.stdout.flush()


async def _hire(application: Application, person: DemoAgent) -> None:
    agent = Agent(
        id=new_id(),
        email=person.email,
        name=person.name,
        role=Role(person.role),
        languages=person.languages,
        skills=person.skills,
        capacity={**DEFAULT_CAPACITY, WorkKind.CHAT: _CHATS_AT_ONCE},
        created_at=SystemClock().now(),
    )
    try:
        async with application.store.begin("demo") as work:
            await work.agents.add(agent, password_hash=None)
    except Conflict:  # the demo ran here before: they are here already
        return


async def _login(store: Storage, email: str) -> str | None:
    """A one-time login; None where nobody has this address."""
    token, digest, prefix = new_token("login")
    async with store.begin("demo") as work:
        found = await work.agents.by_email(email)
        if found is None:
            return None
        until = SystemClock().now() + _LOGIN
        await work.agents.add_token(found[0].id, digest=digest, kind="login", prefix=prefix, until=until)
    return token


def _chats(settings: Settings) -> list[str]:
    return [name for name, account in settings.channels.items() if account["kind"] == "webchat"]


def _letters(channel: str) -> list[MessageReceived]:
    """What the simulated customers write; on a second start of the same demo they are repeats without effect."""
    now = SystemClock().now()
    return [
        MessageReceived(
            channel=channel,
            external_id=f"demo-{number}",
            sender=Identity(channel=channel, address=f"demo-customer-{number}", name=customer.name),
            text=customer.text,
            received_at=now,
        )
        for number, customer in enumerate(CUSTOMERS, start=1)
    ]


def _welcome(url: str, chats: list[str], login: str | None, *, stops: bool = True) -> str:
    lines = ["", "huntgroup is running." if stops else "huntgroup is running already, in another terminal."]
    lines += [f"  chat page   {url}/chat/{name}" for name in chats]
    lines.append(f"  console     {url}/desk/{'' if login is None else f'?login={login}'}")
    if login is None:
        lines.append("  (it has no demo team: log in as one of `huntgroup agent list`)")
    else:
        ends = "Ctrl-C stops" if stops else "for another one run the same command again"
        lines.append(f"  (the link logs you in once, as the demo's admin {TEAM[0].name}; {ends})")
    return "\n".join([*lines, "", ""])
