"""Words: folding, whole words, stems, substrings, sums of lengths, `unless`, accents that tell words apart."""

import time

import pytest

from router.understanding.keywords import Matcher, read_phrases
from tests.router.wallet import compiled


def matcher(**topics: tuple[list[str], list[str]]) -> Matcher:
    phrases = [
        phrase
        for name, (wanted, unless) in topics.items()
        for phrase in read_phrases(name, {"": wanted}, {"": unless}).values()
    ]
    return Matcher(phrases, list(topics))


def only(phrase: str) -> Matcher:
    return matcher(it=([phrase], []))


@pytest.mark.parametrize(
    ("phrase", "text", "found"),
    [
        ("fee", "The FEE, please", True),
        ("fee", "coffee", False),
        ("fee", "fees", False),
        ("deposit*", "my deposits", True),
        ("deposit*", "redeposit", False),
        ("top up", "a top-up failed", True),
        ("top-up", "TOP  UP", True),
        ("top up", "up top", False),
        ("can't pay", "I can’t pay", True),
        ("charge* back", "charge back", True),
        ("password reset*", "my password resetting link", True),
        ("password reset*", "my password", False),
        ("充值", "请问充值失败怎么办", True),
        ("充值", "充 值", True),
        ("ＡＢＣ", "abc", True),
        ("カード", "ｶｰﾄﾞを失くした", True),
        ("เติมเงิน", "ฉันเติมเงินไม่ได้", True),
        ("Gebühr", "GEBÜHR", True),
        ("Gebühr", "Gebuhr", True),
        ("Straße", "STRASSE", True),
        ("piraté", "je suis PIRATE", True),
        ("forgot", "ＦＯＲＧＯＴ", True),
        ("пароль", "Забыл ПАРОЛЬ", True),
        ("충전", "충전 실패", True),
        ("충전*", "충전이 안돼요", True),
        ("card", "我的card丢了", True),
        ("apple pay充值", "用 Apple Pay 充值", True),
        ("كلمة", "كَلِمَة السر", True),
    ],
)
def test_a_phrase_is_found_however_it_is_written(phrase: str, text: str, found: bool) -> None:
    assert bool(only(phrase).scores(text)) is found


def test_the_greater_sum_of_lengths_wins_and_then_the_files_order() -> None:
    topics = matcher(fees=(["fee", "cost"], []), topup=(["top up", "fee"], []), card=(["card"], []))
    assert topics.ranked("the top up fee")[0][0] == "topup"
    assert [name for name, _ in topics.ranked("cost and card")] == ["fees", "card"]
    assert topics.ranked("fee fee fee and top") == (("fees", 0.5), ("topup", 0.5))


def test_the_confidence_is_the_share_of_all_matched_lengths() -> None:
    topics = matcher(a=(["abcdef"], []), b=(["xy"], []))
    assert topics.ranked("abcdef xy") == (("a", 0.75), ("b", 0.25))
    assert topics.ranked("nothing") == ()


def test_a_word_under_unless_forbids_its_issue_only() -> None:
    topics = matcher(topup=(["充值"], ["充值优惠"]), offer=(["优惠"], []))
    assert topics.ranked("充值优惠") == (("offer", 1.0),)


def test_accents_count_only_between_phrases_that_differ_in_nothing_else() -> None:
    apart = matcher(already=(["schon"], []), nice=(["schön"], []))
    assert apart.scores("das ist schön") == {"nice": 5}
    assert apart.scores("das ist schon so") == {"already": 5}
    assert apart.scores("SCHÖN") == {"nice": 5}
    assert only("schön").scores("schon") == {"it": 5}


def test_a_phrase_that_stands_twice_counts_once() -> None:
    assert matcher(it=(["fee", "FEE", "Fee "], [])).scores("fee") == {"it": 3}


def test_intents_are_told_in_the_files_order() -> None:
    assert tuple(compiled().intent_words.scores("I complain, thanks")) == ("thanks", "complaint")


def test_ten_thousand_phrases_cost_little_more_than_ten() -> None:
    text = "I tried to top up 充值失败 my wallet three times and it failed every single time, please help me " * 3

    def cost(count: int) -> float:
        spaced = [f"word{number} up{number}*" for number in range(count // 2)]
        dense = ["充" + chr(0x4E00 + number) for number in range(count // 2)]
        made = matcher(a=(spaced, []), b=(dense, []), c=(["top up"], []))
        runs = []
        for _ in range(5):
            start = time.process_time()
            for _ in range(50):
                assert made.scores(text)
            runs.append(time.process_time() - start)
        return min(runs)

    assert cost(10_000) < 8 * cost(10) + 0.05
