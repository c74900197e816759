"""The command line: `huntgroup [--config PATH] COMMAND`."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ops.commands.command_list import COMMANDS, Command


class Module(Protocol):
    """What the module of a command offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Its own arguments."""
        ...

    def run(self, args: argparse.Namespace) -> int:
        """Do it; the exit code: 0 fine, 1 found something wrong, 2 wrong usage or unreadable configuration."""
        ...


def _load(command: Command) -> Module:
    module: Module = importlib.import_module(command.module)
    return module


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    """The whole parser; only the chosen command's module is imported, so that help answers at once."""
    parser = argparse.ArgumentParser(
        prog="huntgroup",
        description="Every channel a wallet's customers write on, one conversation model, a router that explains itself.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--config",
        type=Path,
        default=Path(os.environ.get("HUNTGROUP_CONFIG", "config.toml")),
        metavar="PATH",
        help="the configuration file (default: $HUNTGROUP_CONFIG, else ./config.toml)",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        examples = "examples:\n" + "\n".join(f"  {line}" for line in command.examples.splitlines())
        sub = commands.add_parser(
            name,
            help=command.summary,
            description=command.summary,
            epilog=examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name == chosen:
            _load(command).add_arguments(sub)
    return parser


def _chosen(arguments: Sequence[str]) -> str | None:
    skip = False
    for argument in arguments:
        if skip or argument.startswith("-"):
            skip = argument == "--config"
            continue
        return argument
    return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    chosen = _chosen(given)
    args = _parser(chosen).parse_args(given)
    try:
        return _load(COMMANDS[args.command]).run(args)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader has gone: nothing more to say, and no trace about it
        return 0


if __name__ == "__main__":
    sys.exit(main())
