"""What is said about calls, in four languages: to customers, unless the rules have a reply of that name, and to agents. Pure."""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from conversation.model.callback import Callback
from router.rules.rulebook import RuleBook
from router.wording.next_opening import say_opening

OFFER = "callback_offer"
REMINDER = "callback_reminder"
FAILED = "callback_failed"
MOVED = "callback_moved"
CODE = "callback_code"
NEVER = "callback_never"
EXPIRED = "callback_expired"
LATE = "callback_late"

# where the rules have no reply of that name; placeholders: {time} {number} {link} {reference}, and {code} where one is sent
WORDS: Mapping[str, Mapping[str, str]] = {
    OFFER: {
        "en": "Would you rather be called? Choose a time: {link}",
        "de": "Sollen wir Sie lieber anrufen? Wählen Sie eine Zeit: {link}",
        "fr": "Préférez-vous être appelé ? Choisissez une heure : {link}",
        "zh": "需要我们给您打电话吗？请选择时间：{link}",
    },
    REMINDER: {
        "en": "We will call you at {number} {time}. To change or cancel: {link}",
        "de": "Wir rufen Sie {time} unter {number} an. Ändern oder absagen: {link}",
        "fr": "Nous vous appellerons au {number} {time}. Modifier ou annuler : {link}",
        "zh": "我们将在{time}致电 {number}。更改或取消：{link}",
    },
    FAILED: {
        "en": "We could not reach you at {number}. Write to us here, or ask for another call: {link}",
        "de": "Wir haben Sie unter {number} nicht erreicht. Schreiben Sie uns hier, oder wünschen Sie einen neuen Anruf: {link}",
        "fr": "Nous n'avons pas pu vous joindre au {number}. Écrivez-nous ici, ou demandez un autre appel : {link}",
        "zh": "我们未能通过 {number} 联系到您。请在此留言，或重新预约来电：{link}",
    },
    EXPIRED: {
        "en": "We did not get to call you at {number}. Write to us here, or ask for another call: {link}",
        "de": "Wir sind nicht dazu gekommen, Sie unter {number} anzurufen. Schreiben Sie uns hier, oder wünschen Sie einen neuen Anruf: {link}",
        "fr": "Nous n'avons pas eu l'occasion de vous appeler au {number}. Écrivez-nous ici, ou demandez un autre appel : {link}",
        "zh": "我们未能安排致电 {number}。请在此留言，或重新预约来电：{link}",
    },
    LATE: {
        "en": "We did not get to call you at the time we promised. We will call you at {number} {time} instead. To choose another time: {link}",
        "de": "Zur versprochenen Zeit haben wir Sie nicht angerufen. Wir rufen Sie stattdessen {time} unter {number} an. Andere Zeit: {link}",
        "fr": "Nous n'avons pas pu vous appeler à l'heure promise. Nous vous appellerons au {number} {time}. Pour choisir une autre heure : {link}",
        "zh": "我们未能在约定的时间致电，将改为{time}致电 {number}。选择其他时间：{link}",
    },
    MOVED: {
        "en": "Our hours have changed. We will call you at {number} {time} instead. To choose another time: {link}",
        "de": "Unsere Zeiten haben sich geändert. Wir rufen Sie stattdessen {time} unter {number} an. Andere Zeit: {link}",
        "fr": "Nos horaires ont changé. Nous vous appellerons au {number} {time}. Pour choisir une autre heure : {link}",
        "zh": "我们的服务时间有变，将改为{time}致电 {number}。选择其他时间：{link}",
    },
    CODE: {
        "en": "{code} is your code to be called at {number}. If you did not ask for a call, do nothing.",
        "de": "{code} ist Ihr Code für den Anruf unter {number}. Haben Sie keinen Anruf gewünscht, müssen Sie nichts tun.",
        "fr": "{code} est votre code pour être appelé au {number}. Si vous n'avez pas demandé d'appel, ne faites rien.",
        "zh": "{code} 是您预约致电 {number} 的验证码。如非本人操作，请忽略。",
    },
    NEVER: {
        "en": "We have noted that {number} is never to be called again. You can still write to us here.",
        "de": "Wir haben vermerkt, dass {number} nie wieder angerufen werden soll. Schreiben können Sie uns hier weiterhin.",
        "fr": "Nous avons noté que le {number} ne doit plus jamais être appelé. Vous pouvez toujours nous écrire ici.",
        "zh": "我们已记录：今后不再致电 {number}。您仍可在此留言。",
    },
}
# what became of a try, as agents read it
NOTES: Mapping[str, Mapping[str, str]] = {
    "done": {"en": "spoke with them", "de": "gesprochen", "fr": "conversation faite", "zh": "已通话"},
    "no_answer": {"en": "no answer", "de": "niemand hob ab", "fr": "pas de réponse", "zh": "无人接听"},
    "busy": {"en": "busy", "de": "besetzt", "fr": "occupé", "zh": "占线"},
    "voicemail": {"en": "voicemail", "de": "Anrufbeantworter", "fr": "messagerie", "zh": "语音信箱"},
    "congestion": {"en": "no line", "de": "keine Leitung", "fr": "pas de ligne", "zh": "线路忙"},
    "rejected": {"en": "declined", "de": "abgelehnt", "fr": "refusé", "zh": "被拒接"},
    "invalid": {"en": "no such number", "de": "Nummer gibt es nicht", "fr": "numéro inexistant", "zh": "号码无效"},
    "lost": {"en": "nobody knows", "de": "unbekannt", "fr": "inconnu", "zh": "结果不明"},
}
_TRY = {
    "en": "Call {n}: {outcome}.",
    "de": "Anruf {n}: {outcome}.",
    "fr": "Appel {n} : {outcome}.",
    "zh": "第 {n} 次通话：{outcome}。",
}
_AGAIN = {"en": " Again {time}.", "de": " Wieder {time}.", "fr": " Nouvel essai {time}.", "zh": "{time}再试。"}
_CANCELLED = {
    "en": "The call was cancelled.",
    "de": "Der Anruf wurde abgesagt.",
    "fr": "L'appel a été annulé.",
    "zh": "已取消回电。",
}
_MOVED = {
    "en": "The call was moved: {time}.",
    "de": "Der Anruf wurde verlegt: {time}.",
    "fr": "L'appel a été déplacé : {time}.",
    "zh": "回电时间已改为{time}。",
}
_MISSED = {
    "en": "Nobody called in this slot: {time}.",
    "de": "In dieser Zeit hat niemand angerufen: {time}.",
    "fr": "Personne n'a appelé dans ce créneau : {time}.",
    "zh": "此时段无人致电：{time}。",
}
_SOON = {"en": "as soon as possible", "de": "so bald wie möglich", "fr": "dès que possible", "zh": "尽快"}


def said_of(rulebook: RuleBook, name: str, language: str | None, kind: str, values: Mapping[str, str]) -> str:
    """The operator's reply of that name, else the house's own words."""
    if name in rulebook.replies:
        return rulebook.reply_text(name, language=language, kind=kind, values=values)
    blank = {"time": "", "number": "", "link": "", "reference": "", "code": ""}
    return _in(WORDS[name], rulebook, language).format_map({**blank, **values})


def note_of(rulebook: RuleBook, callback: Callback, now: datetime, text: str | None) -> str:
    """A try's outcome and what is next, and what the agent wrote about it."""
    tongue = rulebook.default_language
    outcome = _in(NOTES[callback.outcomes[-1].value], rulebook, tongue)
    line = _in(_TRY, rulebook, tongue).format(n=len(callback.outcomes), outcome=outcome)
    if callback.open and callback.due_at is not None:
        again = say_opening(callback.due_at, now, ZoneInfo(callback.zone), tongue)
        line += _in(_AGAIN, rulebook, tongue).format(time=again)
    return f"{line}\n{text}" if text else line


def change_of(rulebook: RuleBook, callback: Callback, now: datetime) -> str:
    """That an agent cancelled a call, or moved it, and to when."""
    tongue = rulebook.default_language
    if not callback.open:
        return _in(_CANCELLED, rulebook, tongue)
    return _in(_MOVED, rulebook, tongue).format(time=time_of(rulebook, callback, now, tongue))


def time_of(rulebook: RuleBook, callback: Callback, now: datetime, language: str) -> str:
    """When the next call is; of a request that is over, when it had been promised."""
    at = callback.due_at if callback.open else callback.slot_at
    if at is None:
        return _in(_SOON, rulebook, language) if callback.open else ""
    return say_opening(at, now, ZoneInfo(callback.zone), language)


def missed_of(rulebook: RuleBook, callback: Callback) -> str:
    """That nobody called in the slot that was promised, by the customer's clock."""
    time = f"{(callback.slot_local or '').replace('T', ' ')} {callback.zone}"
    return _in(_MISSED, rulebook, rulebook.default_language).format(time=time)


def _in(words: Mapping[str, str], rulebook: RuleBook, language: str | None) -> str:
    return next((words[one] for one in rulebook.tongues(language) if one in words), words["en"])
