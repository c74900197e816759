"""Comparing what a request shows with what only the provider can know. Pure."""

import hmac

from conversation.errors import SignatureRejected


def must_match(shown: str, *wanted: str, what: str = "the signature") -> None:
    """Return, or raise `SignatureRejected`. `shown` is a header or a query parameter as it came, lone surrogates included.

    Every candidate is compared in constant time, also after a match: the duration does not reveal which key was used.
    """
    given = shown.encode(errors="surrogatepass")
    matches = [hmac.compare_digest(given, one.encode()) for one in wanted]
    if not any(matches):
        raise SignatureRejected(f"{what} is missing or wrong")
