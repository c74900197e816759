"""Folder names as IMAP writes them: modified UTF-7 (RFC 3501, 5.1.3), quoted. Pure."""

from base64 import b64encode


def quoted(name: str) -> str:
    """The name as it stands in a command."""
    return '"' + encoded(name).replace("\\", "\\\\").replace('"', '\\"') + '"'


def encoded(name: str) -> str:
    """Modified UTF-7: printable ASCII as it is, `&` as `&-`, everything else as UTF-16 in base64 between `&` and `-`."""
    out: list[str] = []
    strange = ""
    for letter in name:
        if " " <= letter <= "~":
            out.append(_shifted(strange) + ("&-" if letter == "&" else letter))
            strange = ""
        else:
            strange += letter
    return "".join((*out, _shifted(strange)))


def _shifted(letters: str) -> str:
    if not letters:
        return ""
    return "&" + b64encode(letters.encode("utf-16-be")).decode().rstrip("=").replace("/", ",") + "-"
