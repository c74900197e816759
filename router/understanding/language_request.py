"""A customer who asks to be answered in another language: "in English please", "auf Deutsch bitte", "请用英文".

What is looked for are forms of asking around the names of languages, in the languages people ask in. "I don't speak English" is no
wish for it. A text without the name of a language, which is nearly every one, costs one search.
"""

from collections.abc import Iterator, Mapping

import re2

from router.understanding.keywords import Matcher, Phrase, read_phrases

_TEXT_LIMIT = 1_000

# the names of each language, by the language they are written in
_NAMES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": {
        "en": ("english",),
        "fr": ("anglais",),
        "de": ("englisch",),
        "zh": ("英语", "英文", "英語"),
        "es": ("inglés",),
    },
    "zh": {
        "en": ("chinese", "mandarin"),
        "fr": ("chinois",),
        "de": ("chinesisch",),
        "zh": ("中文", "汉语", "普通话", "華語", "國語"),
        "es": ("chino",),
    },
    "fr": {
        "en": ("french",),
        "fr": ("français",),
        "de": ("französisch",),
        "zh": ("法语", "法文", "法語"),
        "es": ("francés",),
    },
    "de": {
        "en": ("german",),
        "fr": ("allemand",),
        "de": ("deutsch",),
        "zh": ("德语", "德文", "德語"),
        "es": ("alemán",),
    },
    "es": {
        "en": ("spanish",),
        "fr": ("espagnol",),
        "de": ("spanisch",),
        "zh": ("西班牙语", "西班牙語"),
        "es": ("español",),
    },
    "pt": {
        "en": ("portuguese",),
        "fr": ("portugais",),
        "de": ("portugiesisch",),
        "zh": ("葡萄牙语",),
        "es": ("portugués",),
    },
    "it": {"en": ("italian",), "fr": ("italien",), "de": ("italienisch",), "zh": ("意大利语",), "es": ("italiano",)},
    "ru": {"en": ("russian",), "fr": ("russe",), "de": ("russisch",), "zh": ("俄语",), "es": ("ruso",)},
    "ja": {"en": ("japanese",), "fr": ("japonais",), "de": ("japanisch",), "zh": ("日语", "日文"), "es": ("japonés",)},
    "ko": {"en": ("korean",), "fr": ("coréen",), "de": ("koreanisch",), "zh": ("韩语", "韩文"), "es": ("coreano",)},
    "ar": {"en": ("arabic",), "fr": ("arabe",), "de": ("arabisch",), "zh": ("阿拉伯语",), "es": ("árabe",)},
    "tr": {"en": ("turkish",), "fr": ("turc",), "de": ("türkisch",), "zh": ("土耳其语",), "es": ("turco",)},
    "vi": {
        "en": ("vietnamese",),
        "fr": ("vietnamien",),
        "de": ("vietnamesisch",),
        "zh": ("越南语",),
        "es": ("vietnamita",),
    },
}
# each as its speakers write it, to choose from
OWN_NAMES: Mapping[str, str] = {
    "en": "English",
    "zh": "中文",
    "fr": "Français",
    "de": "Deutsch",
    "es": "Español",
    "pt": "Português",
    "it": "Italiano",
    "nl": "Nederlands",
    "pl": "Polski",
    "sv": "Svenska",
    "ru": "Русский",
    "uk": "Українська",
    "ja": "日本語",
    "ko": "한국어",
    "ar": "العربية",
    "tr": "Türkçe",
    "vi": "Tiếng Việt",
    "th": "ไทย",
    "id": "Bahasa Indonesia",
    "hi": "हिन्दी",
}
_ASKING: Mapping[str, tuple[str, ...]] = {
    "en": (
        *(
            "{} please",
            "please in {}",
            "speak {}",
            "speaks {}",
            "speak in {}",
            "talk in {}",
            "reply in {}",
            "answer in {}",
        ),
        *("respond in {}", "write in {}", "continue in {}", "switch to {}", "help in {}", "support in {}", "prefer {}"),
    ),
    "fr": (
        *(
            "en {} svp",
            "en {} s'il vous plaît",
            "en {} s'il te plaît",
            "parler {}",
            "parlez {}",
            "parlez vous {}",
            "parle {}",
        ),
        *("parler en {}", "répondre en {}", "répondez en {}", "écrire en {}", "réponse en {}", "continuer en {}"),
    ),
    "de": (
        *("{} bitte", "bitte auf {}", "sprechen sie {}", "spricht {}", "spreche {}", "{} sprechen", "auf {} antworten"),
        *("auf {} schreiben", "auf {} weiter", "hilfe auf {}", "lieber {}", "lieber auf {}"),
    ),
    "zh": (
        "请用{}",
        "請用{}",
        "能说{}",
        "会说{}",
        "可以说{}",
        "说{}吗",
        "讲{}吗",
        "用{}回",
        "用{}沟通",
        "用{}交流",
        "{}客服",
        "{}服务",
    ),
    "es": ("en {} por favor", "habla {}", "hablar en {}", "responder en {}", "habla usted {}"),
}
_DENYING: Mapping[str, tuple[str, ...]] = {
    "en": (
        "don't speak {}",
        "do not speak {}",
        "can't speak {}",
        "cannot speak {}",
        "not speak {}",
        "no {} please",
        "not {} please",
    ),
    "fr": ("parle pas {}", "parlons pas {}", "pas parler {}", "pas en {}"),
    "de": ("spreche kein {}", "kein {} sprechen", "nicht {} sprechen", "kein {} bitte", "spricht kein {}"),
    "zh": ("不会说{}", "不能说{}", "不说{}", "别用{}", "不要用{}"),
    "es": ("no habla {}", "no hablar en {}"),
}


def _forms(forms: Mapping[str, tuple[str, ...]], language: str) -> dict[str, list[str]]:
    names = _NAMES[language]
    return {asked: [form.format(name) for form in forms[asked] for name in names[asked]] for asked in forms}


def _phrases() -> Iterator[Phrase]:
    for language in _NAMES:
        yield from read_phrases(language, _forms(_ASKING, language), _forms(_DENYING, language)).values()


def _any_name() -> str:
    names = sorted({name for by in _NAMES.values() for listed in by.values() for name in listed})
    return f"(?i){'|'.join(names)}"


_NAMED = re2.compile(_any_name())
_MATCHER = Matcher(_phrases(), list(_NAMES))


def language_wished(text: str) -> str | None:
    """The language that the text asks to be answered in; None where it asks for none."""
    short = text[:_TEXT_LIMIT]
    if _NAMED.search(short.encode("utf-8", "replace")) is None:
        return None
    found = _MATCHER.ranked(short)
    return found[0][0] if found else None
