"""Bytes whose character set is not declared, or declared wrongly."""

import pytest

from channels.email.mime import charset

UNDECLARED = [
    ("gb18030", "充值不成功"),
    ("gb18030", "充值不成功,钱扣了没到账"),
    ("gb18030", "订单问题 Re: 充值"),
    ("gb18030", "您好,我的账户里面的钱不见了,请帮我查一下"),
    ("cp950", "充值不成功,錢扣了沒到帳"),
    ("cp950", "請問如何退款,我的帳戶被鎖定了"),
    ("cp949", "안녕하세요 입금이 안 됩니다"),
    ("cp949", "로그인이 되지 않습니다. 도와주세요"),
    ("cp932", "日本語のメールです"),
    ("cp932", "ログインできません。助けてください。"),
    ("cp1251", "Вопрос"),
    ("cp1251", "Деньги не пришли"),
    ("cp1251", "Не могу войти в личный кабинет, помогите пожалуйста"),
    ("koi8_r", "Деньги не пришли на счёт, помогите"),
    ("cp1252", "größer"),
    ("cp1252", "Überweisung fehlgeschlagen – bitte prüfen"),
    ("cp1252", "reçu à Noël"),
    ("cp1252", "€ 20"),
    ("cp1253", "Καλημέρα, δεν μπορώ να συνδεθώ"),
    ("cp1255", "שלום, אני לא מצליח להתחבר לחשבון"),
    ("cp1256", "مرحبا، لا أستطيع تسجيل الدخول"),
]


@pytest.mark.parametrize(("codec", "text"), UNDECLARED, ids=[f"{codec} {text[:8]}" for codec, text in UNDECLARED])
@pytest.mark.parametrize("declared", [None, "us-ascii", "utf-8"])
def test_the_script_is_known_by_its_letters(codec: str, text: str, declared: str | None) -> None:
    assert charset.decode(text.encode(codec), declared) == text


@pytest.mark.parametrize("declared", ["gb2312", "windows-1251", "big5", "koi8-r", "shift_jis", "euc-kr", "iso-8859-2"])
def test_utf8_under_another_name_is_known(declared: str) -> None:
    text = "Деньги 充值不成功 größer"
    assert charset.decode(text.encode(), declared) == text


def test_a_damaged_character_does_not_spoil_the_others() -> None:
    assert charset.decode("充值不成功".encode()[:-1], "utf-8") == "充值不成\ufffd"
    assert charset.decode(
        b"caf\xc3\xa9 \xff caf\xc3\xa9 caf\xc3\xa9 caf\xc3\xa9 caf\xc3\xa9 caf\xc3\xa9 caf\xc3\xa9", "utf-8"
    ).startswith("café \ufffd")


@pytest.mark.parametrize(
    "declared", ["rot13", "zlib", "hex", "idna", "\x00", "../x", "x" * 10_000, "utf-8; x", "undefined"]
)
def test_names_that_are_no_character_sets_are_passed_over(declared: str) -> None:
    assert charset.decode("größer".encode(), declared) == "größer"
