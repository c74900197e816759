"""`huntgroup init`: a small configuration that serves, by five questions; or the whole example."""

import argparse
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path

from ops.configuration.example_files import example_files
from ops.configuration.first_config import PASSWORD, Answers, written, wrong_with

_QUESTIONS = {
    "name": "What is your service called? Customers see it",
    "languages": "Which languages do you answer in? Codes such as en,zh,de; the first is the default",
    "timezone": "In which time zone do you work? Such as Europe/Berlin",
    "hours": "When is somebody there? Such as mon-fri 09:00-17:00, sat 10:00-14:00, or always",
    "mailbox": "Which e-mail address do customers write to? Empty: none, they chat",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`init [PATH] [--yes] [--force] [--example]` and each answer as a flag."""
    parser.add_argument("path", nargs="?", type=Path, metavar="PATH", help="the file to write (default: --config)")
    parser.add_argument("--yes", action="store_true", help="ask nothing: what no flag answers is as suggested")
    parser.add_argument("--force", action="store_true", help="overwrite what is there")
    parser.add_argument("--example", action="store_true", help="the whole example and the files that it includes")
    for name, question in _QUESTIONS.items():
        parser.add_argument(f"--{name}", help=question)


def run(args: argparse.Namespace) -> int:
    """0 written, 1 something is there already or nothing was answered, 2 nobody can be asked or an answer cannot be used."""
    path: Path = args.path or args.config
    if args.example:
        return _write(path.parent, example_files(path.name), args, Answers())
    given = {name: value for name in _QUESTIONS if (value := getattr(args, name)) is not None}
    answers = replace(_suggested(), **given)
    wrong = wrong_with(answers)
    if wrong is None and not args.yes and not sys.stdin.isatty():
        wrong = "there is no terminal to ask at: --yes asks nothing, and each answer is a flag (huntgroup init --help)"
    if wrong is not None:
        print(wrong, file=sys.stderr)
        return 2
    if _there(path.parent, [path.name], args):
        return 1
    try:
        answers = answers if args.yes else _asked(answers, given)
    except EOFError:
        print("\nnothing is written", file=sys.stderr)
        return 1
    return _write(path.parent, {path.name: written(answers)}, args, answers)


def _suggested() -> Answers:
    """With the time zone of this machine, where it has a name."""
    local = Path("/etc/localtime")
    zone = os.environ.get("TZ") or str(local.resolve()).partition("zoneinfo/")[2]
    found = Answers(timezone=zone or Answers().timezone)
    return found if wrong_with(found) is None else Answers()


def _asked(answers: Answers, given: Mapping[str, str]) -> Answers:
    """One question after the other; an answer that cannot be used is asked for again. Enter takes what is suggested."""
    for field in fields(Answers):
        while field.name not in given:
            suggested = getattr(answers, field.name)
            typed = input(f"{_QUESTIONS[field.name]} [{suggested or 'none'}]: ").strip()
            changed = replace(answers, **{field.name: typed or suggested})
            wrong = wrong_with(changed)
            if wrong is None:
                answers = changed
                break
            print(f"  {wrong}")
    return answers


def _there(folder: Path, names: list[str], args: argparse.Namespace) -> bool:
    there = [folder / name for name in names if (folder / name).exists()]
    if there and not args.force:
        print(f"{there[0]} is there already; --force overwrites it", file=sys.stderr)
        return True
    return False


def _write(folder: Path, texts: Mapping[str, str], args: argparse.Namespace, answers: Answers) -> int:
    if _there(folder, list(texts), args):
        return 1
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    print(_next(folder / next(iter(texts)), answers))
    return 0


def _next(path: Path, answers: Answers) -> str:
    """What to do now, to be pasted."""
    command = "huntgroup" if str(path) == "config.toml" else f"huntgroup --config {path}"
    lines = [f"{path} is written. Next:"]
    if asdict(answers)["mailbox"]:
        lines.append(
            f"  export {PASSWORD}=...       # the password of {answers.mailbox}; look at `imap` and `smtp` in the file"
        )
    lines += [
        f"  {command} check",
        f"  {command} agent add you@example.com --name 'Your Name' --role admin --password-stdin",
        f"  {command} serve            # chat page /chat/site, console /desk/",
    ]
    return "\n".join(lines)
