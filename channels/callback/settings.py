"""What an operator may write under `[channels.NAME]` with `kind = "callback"`."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    SecretStr,
    StringConstraints,
    model_validator,
)

from channels.address_guard import http_url
from channels.callback.numbers import Policy
from conversation.model.callback import DAY_MINUTES, USUAL_DISTANCES, USUAL_LAWFUL, CallOutcome

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_STEP = 15
_LONGEST_SPAN = 6  # digits
SpecialKind = Literal["premium", "shared_cost", "toll_free", "uan", "pager", "voicemail", "no_country"]
Lawful = Mapping[int, tuple[tuple[int, int], ...]]


def _span(written: object) -> timedelta:
    """`90s`, `3m`, `2h` or `7d`."""
    digits, unit = (written[:-1], written[-1:]) if isinstance(written, str) else ("", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) < _LONGEST_SPAN and unit in _UNITS):
        raise ValueError("write a number and a unit, for example '30m', '2h' or '7d'")
    return timedelta(**{_UNITS[unit]: int(digits)})


def _minute(clock: str) -> int:
    hours, colon, minutes = clock.partition(":")
    if not (colon and hours.isdigit() and minutes.isdigit() and len(minutes) == 2):  # noqa: PLR2004 digits of a clock
        raise ValueError(f"'{clock}' is no time of day, write '09:00'")
    at = int(hours) * 60 + int(minutes)
    if at > DAY_MINUTES or int(minutes) > 59 or at % _STEP:  # noqa: PLR2004 minutes of an hour
        raise ValueError(f"'{clock}': lawful hours begin and end on a quarter of an hour, up to '24:00'")
    return at


def _hours(written: object) -> tuple[tuple[int, int], ...]:
    if not isinstance(written, list) or not all(isinstance(one, str) for one in written):
        raise ValueError("write a list of spans, for example ['09:00-20:00'], or [] for none")
    found = []
    for one in written:
        begin, _, end = one.partition("-")
        low, high = _minute(begin.strip()), _minute(end.strip())
        if low >= high:
            raise ValueError(f"'{one}' ends before it begins; lawful hours do not pass midnight")
        found.append((low, high))
    return tuple(found)


def _days(written: str) -> range:
    if written == "every":
        return range(7)
    first, dash, last = written.partition("-")
    if first not in _DAYS or (dash and last not in _DAYS):
        raise ValueError(f"'{written}' is no day: write mon to sun, a range of them, or every")
    low, high = _DAYS.index(first), _DAYS.index(last or first)
    if low > high:
        raise ValueError(f"'{written}' runs backwards")
    return range(low, high + 1)


def _lawful(written: object) -> Lawful:
    """Days that are not named are no days to call on; the narrower range wins."""
    if not isinstance(written, Mapping):
        raise ValueError("write days and their hours, for example { mon-fri = ['09:00-20:00'] }")  # noqa: TRY004 pydantic collects these
    named = [(_days(str(days)), _hours(spans)) for days, spans in written.items()]
    found: dict[int, tuple[tuple[int, int], ...]] = dict.fromkeys(range(7), ())
    for days, spans in sorted(named, key=lambda one: -len(one[0])):
        found |= dict.fromkeys(days, spans)
    return found


def _whole_quarters(span: timedelta) -> timedelta:
    minutes, rest = divmod(span, timedelta(minutes=1))
    if rest or minutes % _STEP or not 0 < minutes <= DAY_MINUTES or DAY_MINUTES % minutes:
        raise ValueError(
            "a slot is '15m', '30m', '1h' or another length that divides a day into whole quarters of an hour"
        )
    return span


Span = Annotated[timedelta, BeforeValidator(_span)]
Words = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Beginning = Annotated[str, StringConstraints(pattern=r"^\+[0-9]{1,15}$")]
Url = Annotated[str, AfterValidator(http_url)]
Origin = Annotated[Url, AfterValidator(lambda text: text.rstrip("/"))]  # as browsers say it
OwnNumber = Annotated[str, StringConstraints(pattern=r"^\+[0-9]{6,15}$")]
Secret = Annotated[SecretStr, Field(min_length=8)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Choice(_Part):
    """What a key on the telephone stands for."""

    language: str | None = None
    issue: str | None = None


def _digits(menu: Mapping[str, Choice]) -> Mapping[str, Choice]:
    wrong = [key for key in menu if not (len(key) == 1 and key in "0123456789")]
    if wrong:
        raise ValueError(f"'{wrong[0]}' is no key to press: write one digit (the star says the menu again)")
    return menu


class Twilio(_Part):
    """An account with Twilio: calls over its REST API, their status, and calls that come in."""

    account: Annotated[str, StringConstraints(pattern=r"^AC[0-9a-fA-F]{32}$")] = Field(description="the account's SID")
    token: Secret = Field(description="the auth token: it signs what Twilio posts")
    caller: OwnNumber = Field(description="the number that customers see")
    first: Literal["agent", "customer"] = Field(default="agent", description="who is rung first")
    bridge: OwnNumber | None = Field(
        default=None,
        description="the agents' line, rung first or put through to an answered customer; a dialer needs it",
    )
    api: Url = Field(default="https://api.twilio.com", description="another address, for tests")
    menu: Annotated[Mapping[str, Choice], AfterValidator(_digits)] = Field(
        default={}, description="keys of a call that comes in, and what they mean"
    )


class Asterisk(_Part):
    """An Asterisk reached over its REST interface (ARI)."""

    url: Url = Field(description="where ARI answers, for example 'http://127.0.0.1:8088'")
    user: Words
    password: Secret
    endpoint: Words = Field(default="PJSIP/{number}@trunk", description="how a customer is dialed")
    context: Words = Field(default="callback", description="the dialplan's context for a customer who answered")
    extension: Words = Field(default="s", description="its extension; {agent} stands for the agent's line")
    app: Words = Field(default="huntgroup", description="the Stasis application that hears of calls")
    caller: str | None = Field(default=None, max_length=80, description="the caller's name or number")


class Settings(_Part):
    """A page at which a call can be asked for works with no setting at all."""

    queue: str | None = Field(default=None, description="where requests go; else the router decides")
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = Field(
        default=None, description="ISO 3166 country of numbers that are written without '+'"
    )
    origins: list[Origin] = Field(default=[], description="pages that may use the addresses of this account")
    title: Words | Mapping[str, Words] | None = Field(
        default=None, description="over the page; one, or one per language"
    )
    consent: Mapping[str, Words] = Field(
        default={}, description="what customers agree to, per language; none asked where empty"
    )
    lawful: Annotated[Lawful, BeforeValidator(_lawful)] = Field(
        default=USUAL_LAWFUL, description="when customers may be called, by the clock where they are"
    )
    slot: Annotated[timedelta, BeforeValidator(_span), AfterValidator(_whole_quarters)] = Field(
        default=timedelta(minutes=30), description="length of a slot"
    )
    per_slot: PositiveInt | None = Field(
        default=None, description="calls in one slot at most; else what agents can take together"
    )
    lead: Span = Field(default=timedelta(minutes=30), description="the soonest slot begins so long from now")
    horizon: Annotated[Span, Field(le=timedelta(days=30))] = Field(
        default=timedelta(days=7), description="the latest slot begins within this time"
    )
    attempts: Annotated[int, Field(ge=1, le=10)] = Field(default=4, description="tries in all")
    retry: Mapping[CallOutcome, list[Span]] = Field(
        default={}, description="how long to wait after an outcome, for each time it comes"
    )
    remind: Span | None = Field(default=None, description="how long before a slot a reminder leaves")
    expires: Annotated[Span, Field(ge=timedelta(hours=1))] = Field(
        default=timedelta(days=3), description="after so long a call would surprise more than help"
    )
    ring: Annotated[Span, Field(ge=timedelta(seconds=5), le=timedelta(minutes=5))] = Field(
        default=timedelta(seconds=40), description="how long it rings"
    )
    allow: list[Beginning] = Field(default=[], description="beginnings of numbers: nothing else is called")
    deny: list[Beginning] = Field(default=[], description="beginnings of numbers that are not called")
    kinds: list[SpecialKind] = Field(
        default=[], description="kinds of numbers that are called though they are refused by default"
    )
    per_number: PositiveInt = Field(default=5, description="requests for one number in an hour")
    per_address: PositiveInt = Field(default=20, description="requests from one network address in an hour")
    code: Words | None = Field(
        default=None,
        description="a one-time code before a request is taken: the account of text messages that carries it to the number, "
        "or 'conversation'",
    )
    dialer: Literal["manual", "twilio", "asterisk"] = Field(default="manual", description="who dials")
    twilio: Twilio | None = Field(default=None, description="an account with Twilio; also for calls that come in")
    asterisk: Asterisk | None = Field(default=None, description="an Asterisk, reached over ARI")

    @model_validator(mode="after")
    def _dialer_is_set_up(self) -> Self:
        if self.dialer != "manual" and getattr(self, self.dialer) is None:
            raise ValueError(f"dialer = '{self.dialer}' needs a table '{self.dialer}'")
        if self.dialer == "twilio" and self.twilio is not None and self.twilio.bridge is None:
            raise ValueError("dialer = 'twilio' needs 'bridge', the agents' line: a call without it would be silent")
        return self

    def names(self) -> list[tuple[tuple[str, ...], str, str]]:
        """What must stand in the rules, too: its path here, the section there, and the name."""
        found: list[tuple[tuple[str, ...], str, str | None]] = [(("queue",), "queues", self.queue)]
        for key, choice in (self.twilio.menu if self.twilio else {}).items():
            path = ("twilio", "menu", key)
            found += [((*path, "language"), "languages", choice.language), ((*path, "issue"), "issues", choice.issue)]
        return [(path, section, name) for path, section, name in found if name is not None]

    @property
    def policy(self) -> Policy:
        """Which numbers are called."""
        return Policy(country=self.country, allow=tuple(self.allow), deny=tuple(self.deny), kinds=frozenset(self.kinds))

    @property
    def distances(self) -> Mapping[CallOutcome, tuple[timedelta, ...]]:
        """How long to wait, by outcome; those that are not named are as usual."""
        return {**USUAL_DISTANCES, **{outcome: tuple(spans) for outcome, spans in self.retry.items()}}

    def title_in(self, language: str, otherwise: str) -> str:
        """The title in this language."""
        if self.title is None or isinstance(self.title, str):
            return self.title or otherwise
        return self.title.get(language) or next(iter(self.title.values()), otherwise)
