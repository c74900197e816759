"""A question with choices as text that any medium can carry: the question, then one numbered line for each choice.

A medium with buttons reads the choices back and shows buttons; a mark that nobody sees distinguishes them from a list that somebody typed.
"""

from collections.abc import Sequence

_MARK = "\u2060"  # word joiner: no width, no break


def with_choices(question: str, choices: Sequence[str]) -> str:
    """The question with its numbered lines."""
    lines = [f"{_MARK}{number}. {' '.join(choice.split())}" for number, choice in enumerate(choices, start=1)]
    return "\n".join([question, *lines])


def choices_of(text: str) -> tuple[str, tuple[str, ...]]:
    """(question, choices) of a text made by `with_choices`; of any other the text as it is, and none."""
    if _MARK not in text:
        return text, ()
    lines = text.split("\n")
    marked = [line.startswith(_MARK) for line in lines]
    choices = tuple(line.partition(". ")[2] for line, is_choice in zip(lines, marked, strict=True) if is_choice)
    question = "\n".join(line for line, is_choice in zip(lines, marked, strict=True) if not is_choice)
    return question, choices


def numbered_lines(text: str) -> str:
    """The same numbered lines for a medium that has no buttons, and counts or shows even what has no width."""
    return text.replace(f"\n{_MARK}", "\n")
