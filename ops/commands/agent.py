"""`huntgroup agent`: the people who answer."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from getpass import getpass

from conversation.errors import HuntgroupError, NotFound
from conversation.id_generator import new_id
from conversation.model.people import DEFAULT_CAPACITY, Agent, Role
from desk.http.passwords import hash_password
from desk.http.tokens import new_token
from ops.cli.agent_arguments import capacity_of, levels_of, names_of
from ops.cli.database_session import Doing, run_on_store
from ops.configuration.settings import Settings
from ops.system_clock import SystemClock
from storage.store import Store


def _person(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("email")
    parser.add_argument("--name", help="what customers see; without it they see your service's name alone")
    parser.add_argument("--role", choices=[role.value for role in Role])
    parser.add_argument("--languages", type=levels_of, metavar="zh:5,en:3", help="with levels 1 to 5")
    parser.add_argument("--skills", type=levels_of, metavar="payments:4", help="with levels 1 to 5")
    parser.add_argument("--capacity", type=capacity_of, metavar="chat:3,email:10")
    parser.add_argument(
        "--queues", type=names_of, metavar="payments,general", help="instead of the queues of their skills"
    )
    parser.add_argument(
        "--password-stdin",
        action="store_true",
        help="read a new password from standard input; on a terminal it is asked for and not shown",
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    _person(verbs.add_parser("add", help="somebody new"))
    _person(verbs.add_parser("set", help="change what is named"))
    listing = verbs.add_parser("list", help="everybody")
    listing.add_argument("--json", action="store_true")
    for verb, summary in (
        ("disable", "end their tokens and their presence"),
        ("token", "print a new bearer token, once"),
    ):
        verbs.add_parser(verb, help=summary).add_argument("email")


def run(args: argparse.Namespace) -> int:
    """Do what the verb says."""
    verbs: Mapping[str, Callable[[argparse.Namespace], Doing]] = {
        "add": _add,
        "set": _set,
        "list": _list,
        "disable": _disable,
        "token": _token,
    }
    return run_on_store(args, verbs[args.verb](args))


def _given(args: argparse.Namespace, agent: Agent) -> Agent:
    """The agent with what the arguments name."""
    return replace(
        agent,
        name=args.name or agent.name,
        role=Role(args.role) if args.role else agent.role,
        languages=agent.languages if args.languages is None else args.languages,
        skills=agent.skills if args.skills is None else args.skills,
        queues=agent.queues if args.queues is None else args.queues,
        capacity=agent.capacity if args.capacity is None else {**agent.capacity, **args.capacity},
    )


class NoPassword(HuntgroupError):
    """Nothing was typed, or two different things."""


async def _password(args: argparse.Namespace) -> str | None:
    if not args.password_stdin:
        return None
    return await hash_password(_typed(args.email) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n"))


def _typed(email: str) -> str:
    """From a terminal: asked for twice, and not shown."""
    try:
        first = getpass(f"Password for {email} (it is not shown): ")
        repeated = getpass("The same again: ")
    except EOFError:
        raise NoPassword("no password was typed; nothing is changed") from None
    if not first or first != repeated:
        raise NoPassword("the two are not the same, or empty; nothing is changed")
    return first


async def _known(store: Store, email: str) -> Agent:
    async with store.read("agent") as work:
        found = await work.agents.by_email(email)
    if found is None:
        raise NotFound(f"there is no agent {email}")
    return found[0]


def _advise(agent: Agent) -> None:
    """On standard error, so that scripts that read the answer go on as before."""
    if agent.public_name is None:
        print(
            "customers see no name for this agent, only your service's; "
            f"to show one: huntgroup agent set {agent.email} --name 'Given Name'",
            file=sys.stderr,
        )


def _add(args: argparse.Namespace) -> Doing:
    async def doing(store: Store, _: Settings) -> int:
        now = SystemClock().now()
        fresh = Agent(id=new_id(), email=args.email, name=args.email, capacity=DEFAULT_CAPACITY, created_at=now)
        agent = _given(args, fresh)
        password = await _password(args)
        async with store.begin("agent.add") as work:
            await work.agents.add(agent, password_hash=password)
        print(f"added {agent.name} <{agent.email}>, {agent.role}")
        _advise(agent)
        return 0

    return doing


def _set(args: argparse.Namespace) -> Doing:
    async def doing(store: Store, _: Settings) -> int:
        agent = _given(args, await _known(store, args.email))
        password = await _password(args)
        async with store.begin("agent.set") as work:
            await work.agents.update(agent, password_hash=password)
        print(f"changed {agent.name} <{agent.email}>")
        _advise(agent)
        return 0

    return doing


def _disable(args: argparse.Namespace) -> Doing:
    async def doing(store: Store, _: Settings) -> int:
        agent = await _known(store, args.email)
        async with store.begin("agent.disable") as work:
            await work.agents.update(replace(agent, disabled=True))
        print(f"disabled {agent.email}")
        return 0

    return doing


def _token(args: argparse.Namespace) -> Doing:
    async def doing(store: Store, _: Settings) -> int:
        agent = await _known(store, args.email)
        token, digest, prefix = new_token("bearer")
        async with store.begin("agent.token") as work:
            await work.agents.add_token(agent.id, digest=digest, kind="bearer", prefix=prefix, until=None)
        print(f"a token for {agent.email}, shown this once: {token}")
        return 0

    return doing


def _list(args: argparse.Namespace) -> Doing:
    async def doing(store: Store, _: Settings) -> int:
        async with store.read("agents") as work:
            people = await work.agents.all()
        if args.json:
            print(json.dumps([_as_json(agent) for agent in people], ensure_ascii=False, indent=2))
            return 0
        for agent in people:
            languages = ",".join(f"{name}:{level}" for name, level in agent.languages.items())
            skills = ",".join(f"{name}:{level}" for name, level in agent.skills.items())
            state = " (disabled)" if agent.disabled else ""
            print(f"{agent.email:32} {agent.role:6} {agent.name:20} {languages:20} {skills}{state}")
        return 0

    return doing


def _as_json(agent: Agent) -> dict[str, object]:
    return {
        "id": agent.id,
        "email": agent.email,
        "name": agent.name,
        "role": agent.role.value,
        "languages": dict(agent.languages),
        "skills": dict(agent.skills),
        "queues": list(agent.queues),
        "capacity": {kind.value: cap for kind, cap in agent.capacity.items()},
        "disabled": agent.disabled,
    }
