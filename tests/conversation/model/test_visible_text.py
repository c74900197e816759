"""Whether a text holds anything that a reader can see."""

import pytest

from conversation.model.visible_text import has_words


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "\n\t\r", "\u00a0\u3000\u2003", "\u200b", "\u200d\u200c", "\ufeff", "\ufffc", "\ufe0f", "\ufe0e\ufe0f",
        "\U000e0100", "\u2060\u00ad", "\u202e\u202c", "\u3164", "\u2800", "\x00", "\x01\x7f", "\ufffd", "\ud800",
        "\U000e0067\U000e007f", " \u200b\ufeff\ufffc\n",
    ],
    ids=ascii,
)  # fmt: skip
def test_what_nobody_sees_is_no_word(text: str) -> None:
    assert not has_words(text)


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "0",
        ".",
        "充值",
        "مرحبا",
        "👍",
        "❤\ufe0f",
        "1\ufe0f\u20e3",
        "\u200bok\u200b",
        "🏳\ufe0f\u200d🌈",
        "\ue000",
        "\U0001fae9",
    ],
    ids=ascii,
)
def test_a_letter_a_sign_or_an_emoji_is_a_word(text: str) -> None:
    assert has_words(text)
