"""A process of its own that reads mails: whatever a mail does to it, the service goes on. Started by `parser_process`.

A mail that takes more of the processor's time than it is given ends the process, also within a pattern or a decoder written in C.
"""

import pickle
import signal
import sys
from typing import BinaryIO

from channels.email.normalize import letter
from conversation.errors import MalformedPayload

THINKING = 1.2  # seconds of the processor's time for one mail, which on a busy machine is more on the wall


def main() -> None:
    """Mails on standard input, each with its length before it; what was read of them on standard output."""
    serve(sys.stdin.buffer, sys.stdout.buffer)


def serve(requests: BinaryIO, output: BinaryIO) -> None:
    """Until the input ends."""
    while head := requests.read(8):
        raw = requests.read(int.from_bytes(head, "big"))
        signal.setitimer(signal.ITIMER_PROF, THINKING)
        answer = _framed(_read(raw))
        signal.setitimer(signal.ITIMER_PROF, 0)
        output.write(answer)
        output.flush()


def _read(raw: bytes) -> object:
    try:
        return letter(raw)
    except MalformedPayload as fault:
        return fault.code, fault.detail
    except (Exception, RecursionError, MemoryError) as error:  # noqa: BLE001 the mail is quarantined with the reason
        return "unparsable", f"{type(error).__name__}: {error}"[:300]


def _framed(answer: object) -> bytes:
    data = pickle.dumps(answer)
    return len(data).to_bytes(8, "big") + data


if __name__ == "__main__":
    main()
