"""The rules file: everything in the public excerpt is read; every fault is named with its place, all at once."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from router.rules.document import Document
from router.rules.durations import parse_duration
from router.rules.read_conditions import pattern_fault
from router.rules.rulebook import ChannelHints, RuleFaults, compile_rules
from tests.router.wallet import RULES, compiled, document, faults_of
from tests.soon import cheaply


def rule(when: str = "", then: str = 'queue = "general"', name: str = "Tried") -> str:
    return f"{RULES}\n[[rules]]\nname = '{name}'\nwhen = {{ {when} }}\nthen = {{ {then} }}\n"


AT = ("rules", 4)

EXCERPT = """
[hours.shanghai]
timezone = "Asia/Shanghai"
mon-fri = ["09:00-12:00", "13:00-21:00"]
sat-sun = ["10:00-18:00"]
holidays = "CN"
dates = [
  { date = "2026-12-31", hours = ["09:00-17:00"] },
  { date = "2027-02-14", as = "mon" },
  { from = "2027-02-05", to = "2027-02-10", hours = [] },
]
[hours.english]
any = ["shanghai"]
[hours.desk]
per_language = { zh = "shanghai", en = "english", default = "shanghai" }
[languages]
offered = ["zh", "en", "fr", "de"]
default = "en"
[conversations]
reopen_within = "72h"
[agents]
grace = "5m"
[issues.topup]
queue = "payments"
title = { en = "Top-up", zh = "充值" }
words = { en = ["top up", "top-up", "deposit*"], zh = ["充值", "充不进去"], de = ["auflad*"] }
unless = { zh = ["充值优惠"] }
ask = ["account", "amount", "time"]
priority = "normal"
[intents.thanks]
words = { en = ["thanks", "thank you"], zh = ["谢谢"] }
[queue_defaults]
hours = "desk"
languages = "conversation"
strategy = "least_busy"
closed = "closed"
first_response = { email = "4h", default = "15m" }
[queues.payments]
title = { en = "Payments", zh = "支付" }
skills = ["payments"]
overflow = [ { after = "5m", queue = "general" } ]
[queues.safety]
hours = "always"
arrival = "closed"
page = { after = "1m", webhook = "duty" }
[queues.general]
first_response = "1h"
closed = false
[webhooks.duty]
url = "https://duty.example/page"
secret = { env = "DUTY_SECRET" }
[[rules]]
name = "Everything at once"
[rules.when]
any = [{ channel = ["site", "app"] }, { all = [{ kind = "webchat" }, { not = { language = "unknown" } }] }]
not = [{ open = "payments" }, { staffed = ["general", "safety"] }]
customer.vip = true
customer.orders = { gt = 3, lt = 100 }
customer.created_at = { older = "2d" }
customer.address.country = ["DE", "AT"]
conversation.amount = { exists = false }
missing = "account"
first_message = true
verified = false
priority = ["normal", "high"]
text = ["(?i)refund", "退款"]
[rules.then]
queue = "payments"
priority = "high"
issue = "topup"
labels = ["a", "b"]
reply = "closed"
ask = ["account"]
callback = true
deadline = "2h"
page = { after = "5m", webhook = "duty" }
webhook = ["duty"]
stop = true
[fallback]
queue = "general"
[replies.closed]
zh = "我们已下班,{next_opening} 恢复服务。您的编号是 {reference}。"
en = "We are closed and open again {next_opening}. {queue} {name}"
zh-dummy = "x"
[[tests]]
name = "Top-up trouble in Chinese"
channel = "site"
at = "2026-11-23T10:00:00+08:00"
cases = [
  { text = "充值不成功", queue = "payments", issue = "topup", language = "zh", open = true, reply = false },
  { text = "充值不成功", at = "2026-11-23T12:30:00+08:00", reply = "closed", opens = "2026-11-23T13:00:00+08:00" },
  { text = "Why this fee?", set = { customer.vip = true }, queue = "payments", priority = "high" },
  { steps = ["充值不成功", "在吗?", "谢谢"], at = "2026-11-23T23:00:00+08:00", queue = "payments", replies = 1 },
]
"""


def test_the_whole_format_is_read() -> None:
    book = compiled(EXCERPT.replace('zh-dummy = "x"\n', ""))
    general, payments = book.queues["general"], book.queues["payments"]
    assert (general.closed, general.first_response) == (None, {"default": timedelta(hours=1)})
    assert (payments.closed, payments.strategy, payments.languages) == ("closed", "least_busy", None)
    assert payments.needs.skills == ("payments",)
    assert book.rules[0].named == (
        *("queue", "priority", "issue", "labels", "reply", "ask", "callback", "deadline", "page", "webhook", "stop"),
    )
    assert (book.grace, book.offer_for) == (timedelta(minutes=5), timedelta(seconds=45))


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        (rule(then='queue = "paymets"'), (*AT, "then", "queue"), "did you mean 'payments'"),
        (rule(then='issue = "topupp"'), (*AT, "then", "issue"), "did you mean 'topup'"),
        (rule(then='reply = "close"'), (*AT, "then", "reply"), "did you mean 'closed'"),
        (rule(then='webhook = "frieze"'), (*AT, "then", "webhook"), "did you mean 'freeze'"),
        (rule(then='page = { after = "1m", webhook = "x" }'), (*AT, "then", "page", "webhook"), "no webhook"),
        (rule(then=""), (*AT, "then"), "does nothing"),
        (rule(name="VIPs"), (*AT, "name"), "rule 3 is already called 'VIPs'"),
        (rule('channel = "sites"'), (*AT, "when", "channel"), "did you mean 'site'"),
        (rule('kind = "fax"'), (*AT, "when", "kind"), "no kind 'fax'"),
        (rule('issue = ["topup", "fee"]'), (*AT, "when", "issue"), "did you mean 'fees'"),
        (rule('intent = "thank"'), (*AT, "when", "intent"), "did you mean 'thanks'"),
        (rule('language = "zh-CN"'), (*AT, "when", "language"), "no language code"),
        (rule('priority = "top"'), (*AT, "when", "priority"), "no priority"),
        (rule('open = "paymens"'), (*AT, "when", "open"), "did you mean 'payments'"),
        (rule('staffed = "shanghai"'), (*AT, "when", "staffed"), "no queue 'shanghai'"),
        (rule('langage = "en"'), (*AT, "when", "langage"), "did you mean 'language'"),
        (rule('text = "(?<=a)b"'), (*AT, "when", "text"), "RE2 refuses the pattern '(?<=a)b': invalid perl operator"),
        (rule('text = "("'), (*AT, "when", "text"), "missing )"),
        (rule("text = 3"), (*AT, "when", "text"), "a text or a list"),
        (rule('verified = "yes"'), (*AT, "when", "verified"), "true or false"),
        (rule("customer = 3"), (*AT, "when", "customer"), "name an attribute"),
        (rule("customer.age = { gtt = 3, gt = 4 }"), (*AT, "when", "customer", "age"), "operators are"),
        (rule('customer.age = { older = "soon" }'), (*AT, "when", "customer", "age", "older"), "'90s', '5m'"),
        (rule("customer.age = { gt = true }"), (*AT, "when", "customer", "age", "gt"), "a number or a text"),
        (rule('any = { channel = "site" }'), (*AT, "when", "any"), "a list of tables"),
        (rule('any = [{ chanel = "site" }]'), (*AT, "when", "any", 0, "chanel"), "did you mean 'channel'"),
        (RULES.replace('queue = "general" }]', 'queue = "nobody" }]'), ("queues", "payments", "overflow", 0, "queue"), "no queue"),
        (RULES.replace('queue = "payments"\nwords', 'queue = "pay"\nwords'), ("issues", "topup", "queue"), "no queue 'pay'"),
        (RULES.replace('[fallback]\nqueue = "general"', '[fallback]\nqueue = "x"'), ("fallback", "queue"), "no queue 'x'"),
        (RULES.replace('[fallback]\nqueue = "general"', ""), ("fallback",), "a fallback is needed"),
        (RULES.replace('hours = "desk"', 'hours = "desc"'), ("queue_defaults", "hours"), "did you mean 'desk'"),
        (RULES.replace('closed = "closed"', 'closed = "shut"'), ("queue_defaults", "closed"), "no reply 'shut'"),
        (RULES.replace('arrival = "safety"', 'strategy = "fastest"'), ("queues", "safety", "strategy"), "no strategy"),
        (RULES.replace('webhook = "duty" }', 'webhook = "duti" }'), ("queues", "safety", "page", "webhook"), "did you mean 'duty'"),
        (RULES.replace("Asia/Shanghai", "Asia/Shanghi"), ("hours", "shanghai", "timezone"), "did you mean 'Asia/Shanghai'"),
        (RULES.replace('any = ["shanghai", "berlin"]', 'any = ["shanghai", "berlino"]'), ("hours", "english", "any", 1), "did you mean"),
        (RULES.replace('any = ["shanghai", "berlin"]', 'any = ["english"]'), ("hours", "english"), "english -> english"),
        (RULES.replace("sat-sun =", "sat-sunn ="), ("hours", "shanghai", "sat-sunn"), "did you mean 'sat-sun'"),
        (RULES.replace('"10:00-18:00"', '"10:00-25:00"'), ("hours", "shanghai", "sat-sun", 0), "'25:00' is no time"),
        (RULES.replace('"10:00-18:00"', '"10-18"'), ("hours", "shanghai", "sat-sun", 0), "'10' is no time"),
        (RULES.replace('"10:00-18:00"', '"10:00-10:00"'), ("hours", "shanghai", "sat-sun", 0), "empty span"),
        (RULES.replace('"13:00-21:00"', '"11:00-21:00"'), ("hours", "shanghai", "mon-fri"), "overlap"),
        (RULES.replace("sat-sun =", "sat-mon ="), None, ""),
        (RULES.replace("sat-sun =", "tue-sat ="), ("hours", "shanghai", "tue-sat"), "also speaks of"),
        (RULES.replace("sat-sun =", 'holidays = "XX"\nsat-sun ='), ("hours", "shanghai", "holidays"), "no country"),
        (RULES.replace("sat-sun =", 'holidays = ["DE-XX"]\nsat-sun ='), ("hours", "shanghai", "holidays", 0), "no part of DE"),
        (RULES.replace("sat-sun =", 'dates = [{ date = "02-30", hours = [] }]\nsat-sun ='), ("hours", "shanghai", "dates", 0, "date"), "no date"),
        (RULES.replace("sat-sun =", 'dates = [{ date = "12-24" }]\nsat-sun ='), ("hours", "shanghai", "dates", 0), "either 'hours' or 'as'"),
        (RULES.replace("sat-sun =", 'dates = [{ date = "12-24", as = "mo" }]\nsat-sun ='), ("hours", "shanghai", "dates", 0, "as"), "did you mean 'mon'"),
        (RULES.replace('default = "en"', 'default = "es"'), ("languages", "default"), "no offered language 'es'"),
        (RULES.replace("{next_opening}. Your", "{next_oppening}. Your"), ("replies", "closed", "en"), "did you mean '{next_opening}'"),
        (RULES.replace("{next_opening}. Your", "{next_opening. Your"), ("replies", "closed", "en"), "braces"),
        (RULES.replace("{next_opening}. Your", "{next_opening!r}. Your"), ("replies", "closed", "en"), "stands for itself"),
        (RULES.replace('"fees"]', '"!!"]'), ("issues", "fees", "words", "en", 1), "nothing of '!!'"),
        (RULES.replace('"fees"]', '"f*s"]'), ("issues", "fees", "words", "en", 1), "at the end only"),
        (RULES + "[[tests]]\nname = 't'\nchannel = 'sit'\ncases = [{ text = 'x' }]", ("tests", 0, "channel"), "did you mean 'site'"),
        (RULES + "[[tests]]\nname = 't'\nchannel = 'site'\ncases = [{ text = 'x', queue = 'q' }]", ("tests", 0, "cases", 0, "queue"), "no queue 'q'"),
        (RULES + "[[tests]]\nname = 't'\nchannel = 'site'\ncases = [{ queue = 'vip' }]", ("tests", 0, "cases", 0), "one of 'text', 'steps'"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_place(text: str, path: tuple[str | int, ...] | None, words: str) -> None:
    found = faults_of(text)
    if path is None:
        assert found == {}
    else:
        assert path in found, found
        assert words in found[path]


def test_overflow_in_a_ring_is_a_fault() -> None:
    text = RULES.replace("[queues.vip]", '[queues.vip]\noverflow = [{ after = "1m", queue = "payments" }]')
    ring = text.replace("[queues.general]", '[queues.general]\noverflow = [{ after = "1m", queue = "vip" }]')
    assert faults_of(text) == {}
    assert [message for message in faults_of(ring).values() if "ring" in message]


def test_all_faults_are_found_at_once() -> None:
    broken = rule('chanel = "x", text = "("', 'queue = "q", reply = "r"').replace('closed = "closed"', 'closed = "s"')
    assert len(faults_of(broken)) == 5


def test_conditions_nest_no_deeper_than_sixteen() -> None:
    def nested(depth: int) -> dict[str, object]:
        return {"channel": "site"} if depth == 0 else {"not": nested(depth - 1)}

    def faults(depth: int) -> int:
        made = document().model_dump(by_alias=True, exclude_none=True)
        made["rules"] = [{"name": "deep", "when": nested(depth), "then": {"queue": "general"}}]
        try:
            compile_rules(Document.model_validate(made), revision="r", channels={})
        except RuleFaults as raised:
            return len(raised.faults)
        return 0

    assert faults(15) == 0
    assert faults(16) == 1


def test_keys_that_are_not_known_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"queues\.general\.hors"):
        document(RULES.replace("[queues.general]", "[queues.general]\nhors = 'desk'"))


def test_without_channels_any_channel_may_be_named() -> None:
    text = rule('channel = "unheard", kind = "sms"')
    assert compiled(text, {}).rules[-1].name == "Tried"


def test_a_language_that_is_not_offered_may_be_asked_for() -> None:
    assert faults_of(rule('language = ["it", "unknown"]')) == {}


def test_warnings_do_not_stop_it() -> None:
    book = compiled(RULES.replace('fr = "Nous nous en occupons."\n', ""))
    assert [fault.message for fault in book.warnings] == ["this reply is not written in fr"]


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("72h", 259200), ("2d", 172800), ("1h30m", 5400)]
)
def test_spans_are_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "m", "5 minutes", "-5m", "1.5h", "99999999999999d", 5, None, "٣m"])
def test_what_is_no_span_is_refused_in_words(text: object) -> None:
    with pytest.raises(ValueError, match=r"span of time|ten years"):
        parse_duration(text)


def test_a_pattern_that_is_good_has_no_fault() -> None:
    assert pattern_fault("(?i)如何.{0,12}(防止|保护)") is None
    assert pattern_fault("\ud800") == "it is no valid Unicode"


@pytest.mark.slow
def test_ten_thousand_rules_compile_in_a_second_or_two() -> None:
    rules = [
        {
            "name": f"r{n}",
            "when": {"channel": "site", "customer": {"id": n}, "text": f"w{n % 90}"},
            "then": {"queue": "a"},
        }
        for n in range(10_000)
    ]
    made = Document.model_validate({"queues": {"a": {}}, "fallback": {"queue": "a"}, "rules": rules})
    hints = {"site": ChannelHints(kind="webchat")}
    book = cheaply(1.5, lambda: compile_rules(made, revision="r", channels=hints))
    assert len(book.rules) == 10_000


def test_the_question_for_the_language_needs_its_reply_and_languages_to_choose_from() -> None:
    asking = RULES.replace('default = "en"', 'default = "en"\nask = "tongue"', 1)
    assert "tongue" in faults_of(asking)["languages", "ask"]
    alone = '[languages]\noffered = ["en"]\nask = "tongue"\n[queues.a]\n[fallback]\nqueue = "a"\n[replies.tongue]\nen = "?"\n'
    assert faults_of(alone)["languages", "ask"] == "to ask for the language, between 2 and 9 must be offered"
