"""What a customer is asked for, and about, in their language: the names of missing information, and choices with their answers."""

from collections.abc import Mapping, Sequence

from router.understanding.normalize_text import fold

_MOST_LETTERS = 80
_AROUND = " \t\r\n.()#。、!"

ASKED: Mapping[str, Mapping[str, str]] = {
    "account": {
        "en": "your account (phone number or e-mail)",
        "zh": "您的账户（手机号或邮箱）",
        "fr": "votre compte (numéro de téléphone ou e-mail)",
        "de": "Ihr Konto (Telefonnummer oder E-Mail)",
    },
    "amount": {"en": "the amount", "zh": "金额", "fr": "le montant", "de": "den Betrag"},
    "time": {"en": "date and time", "zh": "日期和时间", "fr": "la date et l'heure", "de": "Datum und Uhrzeit"},
    "counterparty": {
        "en": "whom you paid, or who paid you",
        "zh": "交易对方",
        "fr": "l'autre partie de l'opération",
        "de": "an wen oder von wem gezahlt wurde",
    },
    "transaction": {
        "en": "the transaction number",
        "zh": "交易编号",
        "fr": "le numéro de la transaction",
        "de": "die Transaktionsnummer",
    },
}
_COMMA = {"zh": "、"}


def asked_for(names: Sequence[str], asked: Mapping[str, Mapping[str, str]], languages: Sequence[str]) -> str:
    """The missing information in words, in the first of these languages that has them; the bare name where none has."""
    titles = [_in_words(name, asked, languages) for name in names]
    return _COMMA.get(languages[0] if languages else "", ", ").join(titles)


def _in_words(name: str, asked: Mapping[str, Mapping[str, str]], languages: Sequence[str]) -> str:
    words = {**ASKED.get(name, {}), **asked.get(name, {})}
    return next((words[language] for language in (*languages, "") if language in words), name)


def picked(text: str, choices: Sequence[str], titles: Mapping[str, Mapping[str, str]]) -> str | None:
    """The choice that a text names: by its number ("2", "2.", "２"), by its title in any language, or by its own name."""
    said = fold(text[:_MOST_LETTERS]).strip(_AROUND)
    if said.isdecimal() and len(said) < 3:  # noqa: PLR2004 - there are never a hundred choices
        return choices[int(said) - 1] if 0 < int(said) <= len(choices) else None
    for choice in choices:
        if said and said in {fold(choice), *map(fold, titles.get(choice, {}).values())}:
            return choice
    return None
