"""`huntgroup serve`: everything in one process, from the ready line to the last batch."""

import argparse
import asyncio
import fcntl
import gc
import json
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from aiohttp import web

from conversation.errors import HuntgroupError
from ops.composition.application import Application, built
from ops.composition.infrastructure import Replacements
from ops.configuration.settings import Settings, load
from ops.configuration.sources import SettingsFaults
from ops.observability import logs
from storage.migration import upgrade

log = logging.getLogger(__name__)
_DRAIN = 20.0  # seconds for what was accepted to be stored at the end
_SENDING = 5.0  # seconds for what is being sent to end
_LINGER = 5.0  # seconds for open connections to end
_YOUNG = 20_000  # new objects between two looks for garbage


class Unable(HuntgroupError):
    """Serving is not possible here and now; the words say what to do."""


class AlreadyServed(Unable):
    """Another process serves this database: at `url`, where it has said so."""

    def __init__(self, path: Path, url: str) -> None:
        self.url = url
        where = f" at {url}" if url else ""
        super().__init__(f"another huntgroup serves this database already{where} ({path} is locked)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line and the environment say."""

    config: Path
    environment: Mapping[str, str] = field(repr=False)
    listen: str | None = None
    database: str | None = None
    migrate: bool = False
    activate: bool = False
    watch: bool = True

    def overrides(self) -> dict[str, object]:
        """Flags win over environment and file."""
        flags = {"service.listen": self.listen, "service.database": self.database}
        given: dict[str, object] = {key: value for key, value in flags.items() if value is not None}
        return given if self.database is None else {**given, "service.database_direct": None}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument(
        "--listen", metavar="ADDRESS", help="instead of the configuration's; port 0 takes any that is free"
    )
    parser.add_argument("--database", metavar="URL", help="instead of the configuration's")
    parser.add_argument(
        "--activate", action="store_true", help="bring the rules of this node's file in force, on every node"
    )
    parser.add_argument("--migrate", action="store_true", help="on PostgreSQL, bring an old schema up to date first")


def run(args: argparse.Namespace) -> int:
    """Serve until a signal; 0 after a clean end."""
    options = Options(
        config=args.config,
        environment=dict(os.environ),
        listen=args.listen,
        database=args.database,
        migrate=args.migrate,
        activate=args.activate,
    )
    return asyncio.run(serve(options))


async def serve(
    options: Options,
    *,
    replaced: Replacements | None = None,
    ready: Callable[[Application, str], object] | None = None,
    served: Callable[[Settings, str], Awaitable[int]] | None = None,
) -> int:
    """Build the application, serve, drain; the exit code. `ready` is called with the application and its address, in place of the ready line.

    `served` is what is done instead where another process serves this database at an address that is known.
    """
    try:
        settings = load(options.config, options.environment, overrides=options.overrides(), calls_webhooks=True)
    except SettingsFaults as faults:
        print(faults, file=sys.stderr)
        return 2
    logs.set_up(level=settings.service.log_level, form=settings.service.log_format)
    try:
        await _serve_alone(settings, options, replaced or Replacements(), ready or _print_ready)
    except HuntgroupError as error:
        if isinstance(error, AlreadyServed) and error.url and served is not None:
            return await served(settings, error.url)
        return _unable(error)
    except ExceptionGroup as several:
        unable, others = several.split(Unable)
        if unable is None or others is not None:
            raise
        return _unable(unable.exceptions[0])
    return 0


def _unable(why: Exception) -> int:
    print(f"huntgroup: {why}", file=sys.stderr)
    return 1


async def _serve_alone(
    settings: Settings, options: Options, replaced: Replacements, ready: Callable[[Application, str], object]
) -> None:
    """Serve while no other process does; the address is noted for those who try."""
    with _alone(settings.service.database) as note:

        def noted(application: Application, url: str) -> None:
            note(url)
            ready(application, url)

        await _schema(settings, migrate=options.migrate)
        async with _built(settings, options, replaced) as application:
            await _serve(application, settings, options, noted)


def _built(settings: Settings, options: Options, replaced: Replacements) -> AbstractAsyncContextManager[Application]:
    return built(settings, options.config, options.environment, replaced, activates=options.activate)


def _print_ready(_application: Application, url: str) -> None:
    print("ready " + json.dumps({"url": url}), flush=True)


@contextmanager
def _alone(database: str) -> Iterator[Callable[[str], None]]:
    """One serving process for each SQLite file: the lock ends with the process, however it ends. Gives what notes the address in it."""
    if not database.startswith("sqlite:///"):
        yield lambda _url: None
        return
    # of the file itself: a symbolic link to it is no second database
    path = Path(database.removeprefix("sqlite:///")).resolve().with_suffix(".lock")
    try:
        lock: IO[str] = path.open("a+")
    except OSError as error:
        raise Unable(f"cannot write {path}: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise AlreadyServed(path, lock.readline().strip()) from None
        lock.truncate(0)
        yield lambda url: _note(lock, url)


def _note(lock: IO[str], url: str) -> None:
    lock.write(f"{url}\n")
    lock.flush()


async def _schema(settings: Settings, *, migrate: bool) -> None:
    database = settings.service.database
    if database.startswith("sqlite") or migrate:
        await upgrade(settings.service.direct)
        return
    from ops.cli.database_session import opened  # noqa: PLC0415 a look at the schema needs a store of its own

    async def look(_store: object, _settings: object) -> int:
        return 0

    await opened(settings, look)


async def _serve(
    application: Application, settings: Settings, options: Options, ready: Callable[[Application, str], object]
) -> None:
    stop = asyncio.Event()
    runner = web.AppRunner(application.app, access_log=None, shutdown_timeout=_LINGER, handler_cancellation=False)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(one()) for one in application.runs]
        if options.watch:
            watch = application.loops.supervised("rules_file", application.reloader.watch)
            running.append(tasks.create_task(watch()))
        _on_signals(stop, lambda: running.append(tasks.create_task(application.reloader.try_reload("signal"))))
        await runner.setup()
        await _listen(runner, settings.service.host, settings.service.port)
        url = _url(settings, runner)
        schema = (await application.store.schema()).revision
        log.info("serving", extra={"url": url, "schema": schema, "revision": application.rules.rulebook.revision})
        settle_memory()
        ready(application, url)
        await stop.wait()
        await _drain(application, runner)
        for task in running:
            task.cancel()
    log.info("stopped")


def settle_memory() -> None:
    """What was built to stay is looked through no more, and what a batch makes and drops is looked through once, not forty times."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 20)


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
    except OSError as error:
        free = f"--listen {host}:0 takes any that is free"
        raise Unable(f"cannot listen on {host}:{port}: {error.strerror}; {free}") from error


def _url(settings: Settings, runner: web.AppRunner) -> str:
    address = runner.addresses[0]
    host = settings.service.host
    return f"http://{f'[{host}]' if ':' in host else host}:{address[1]}"


def _on_signals(stop: asyncio.Event, reload: Callable[[], object]) -> None:
    """The first SIGTERM drains, the second ends at once."""
    loop = asyncio.get_running_loop()

    def end() -> None:
        if stop.is_set():
            os._exit(1)
        stop.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, end)
    loop.add_signal_handler(signal.SIGHUP, reload)


async def _drain(application: Application, runner: web.AppRunner) -> None:
    """Not ready any more, nothing new, what was accepted is stored and acknowledged, then the connections end."""
    application.draining.set()
    log.info("draining")
    for site in list(runner.sites):
        await site.stop()
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN):
            await application.inbox.drain()
    await application.dispatcher.drain(_SENDING)
    await runner.cleanup()
