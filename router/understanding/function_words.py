"""Function words and letters that distinguish close languages, where the few letters of a short text leave a detector in doubt.

"Mi esposa" and "minha esposa" share their long word and differ in the short one. The lists hold articles, pronouns, prepositions,
forms of to be and to have, greetings and the plainest words of an account, as a grammar lists them; a word that several languages
have stands with each of them. They were written from no examined text.

Of a text without any accent the words are looked for without theirs: who types "khong" has left out half of what a detector goes by.
"""

from collections.abc import Sequence

from router.understanding.normalize_text import without_accents

DOUBT = 0.90  # a detector that is surer than this is left alone
_FOUR_TIMES = 4.0
_MOST = 3  # words that are counted: enough to turn a doubt, too few to turn a certainty

_WORDS = {
    "es": (
        "el la los las un una unos unas lo al del de en con sin por para sobre entre hasta desde hacia y e o u ni que qué quién cuál "
        "cómo cuándo dónde porque pero si sí no ya muy más menos también ahora hoy ayer mañana aquí allí yo tú él ella nosotros "
        "nosotras ellos ellas usted ustedes me te se nos os le les mi mis tu tus su sus este esta estos estas ese esa eso esto aquel "
        "es son soy eres era está están estoy estaba hay he ha han hemos había tengo tiene tienen tener hacer hago hace hizo puedo "
        "puede pueden quiero quiere necesito fue ser estar todo toda todos todas nada algo nadie alguien mucho mucha hola buenos "
        "buenas días tardes noches gracias adiós señor señora mí ti conmigo contigo cuenta dinero tarjeta pago contraseña ayuda agua"
    ),
    "pt": (
        "o a os as um uma uns umas ao aos à às do da dos das no na nos nas de em com sem por para pelo pela sobre entre até desde e ou "
        "nem que quem qual como quando onde porque mas se sim não já muito mais menos também agora hoje ontem amanhã aqui ali eu tu "
        "você vocês ele ela nós eles elas me te se lhe lhes meu minha meus minhas teu tua seu sua seus suas este esta esse essa isso "
        "isto aquele é são sou era está estão estou estava há tem têm tenho temos tinha ter fazer faço faz fez posso pode podem quero "
        "quer preciso foi ser estar tudo toda todos todas nada algo ninguém alguém muita olá bom boa dia tarde noite obrigado obrigada "
        "adeus senhor senhora conta dinheiro cartão pagamento senha ajuda água"
    ),
    "it": (
        "il lo la i gli le un uno una al allo alla ai agli alle del dello della dei degli delle nel nella nei sul sulla dal dalla di a "
        "da in con su per tra fra e ed o né che chi quale come quando dove perché ma se sì no non già molto più meno anche adesso ora "
        "oggi ieri domani qui lì io tu lui lei noi voi loro mi ti si ci vi mio mia miei mie tuo tua suo sua nostro questo questa "
        "questi queste quello quella è sono sei era siamo c'è ci ho hai ha hanno abbiamo aveva avere fare faccio fa posso può possono "
        "voglio vuole ho bisogno stato stata essere stare tutto tutta tutti tutte niente qualcosa nessuno qualcuno molta ciao buongiorno "
        "buonasera grazie arrivederci signore signora conto soldi carta pagamento aiuto acqua"
    ),
    "fr": (
        "le la les l un une des du de d au aux en dans avec sans par pour sur entre et ou ni que qui quel quelle comment quand où parce "
        "mais si oui non ne pas déjà très plus moins aussi maintenant hier demain ici là je j tu il elle on nous vous ils elles me m te "
        "se s lui leur mon ma mes ton ta tes son sa ses notre votre ce cet cette ces est sont suis es était a ont ai avons avez avait "
        "avoir faire fais fait peux peut pouvez veux veut être tout toute tous toutes rien quelque personne beaucoup bonjour bonsoir "
        "merci svp stp monsieur madame compte argent carte paiement aide eau"
    ),
    "en": (
        "the an of to in on at by for from with without about and or but not no yes if that this these those it its is are was were be "
        "been am do does did done have has had can could will would should may must my your his her our their me you he she we they "
        "him them what which who when where why how there here now today yesterday tomorrow please pls plz thanks thank hello sorry all any "
        "some nothing something very more less also already still just get got need want make"
    ),
    "de": (
        "der die das den dem des ein eine einen einem einer eines und oder aber nicht kein keine ja nein wenn dass weil ist sind war "
        "waren bin bist sein habe hast hat haben hatte kann kannst können wird werden wurde will möchte muss ich du er sie es wir ihr "
        "mich mir dich dir ihn ihm uns euch mein meine meinen dein deine sein seine unser in im an am auf aus bei mit nach von vom zu "
        "zum zur für ohne über um bis was wer wie wo wann warum hier da jetzt heute gestern morgen bitte danke hallo alles nichts etwas "
        "sehr mehr auch noch schon nur konto geld karte"
    ),
    "nl": (
        "de het een en of maar niet geen ja nee als dat omdat is zijn was waren ben bent heb heeft hebben had kan kunt kunnen wordt "
        "worden werd wil moet ik jij je hij zij ze wij we jullie u mij me jou hem haar ons hun mijn jouw zijn onze in op aan uit bij met "
        "naar van te voor zonder over om tot wat wie hoe waar wanneer waarom hier daar nu vandaag gisteren morgen alsjeblieft dank "
        "bedankt hallo alles niets iets heel meer ook nog al rekening geld kaart"
    ),
    "ru": (
        "и в во не на что я с со как а то это по но они мы вы он она оно из у к за от для о об мой моя мои мне меня есть был была "
        "были нет да где когда почему кто или если только уже ещё еще очень здравствуйте спасибо деньги счёт"
    ),
    "uk": (
        "і й в у не на що я з із зі як а то це по але вони ми ви він вона воно до за від для о про мій моя мої мені мене є був була "
        "були немає ні так де коли чому хто або якщо тільки вже ще дуже вітаю дякую гроші рахунок та цей ця ці"
    ),
    "vi": (
        "tôi bạn anh chị em ông bà mình chúng ta họ nó của và với cho để đến đi ở trong ngoài trên dưới này đó kia nào gì ai đâu sao như "
        "nếu thì mà nhưng vì nên là có được bị không chưa đã đang sẽ rồi cũng còn rất quá lắm nhiều ít một hai các những cái con người "
        "ngày giờ hôm nay mai bây lúc khi việc làm nói biết muốn cần phải thấy về ra vào lên xuống lại thế đây đấy vậy vẫn chỉ mới từ hơn "
        "nhất tất cả mỗi gặp xin chào cảm ơn vui lòng giúp cha mẹ năm tháng tuần sáng chiều tối trước "
        "theo bằng hay hoặc bao nhà tiền tài khoản thẻ thanh toán nạp rút chuyển mật khẩu"
    ),
    "tr": (
        "bir ve bu şu ne mi mı mu değil için ile çok var yok ben sen biz siz onlar benim senin bizim bana sana beni seni onu ona de da ki ama "
        "gibi daha en her şey hiç kadar nasıl neden niçin nerede kim zaman şimdi bugün dün yarın evet hayır lütfen teşekkür merhaba "
        "olarak oldu olan önce sonra çünkü eğer veya ya iyi kötü güzel büyük para hesap hesabım kart kartım ödeme şifre yardım su"
    ),
    "pl": (
        "na do nie tak to jest są był była mam masz ma mamy co kto jak gdzie kiedy dlaczego bo ale czy się mnie mi ja ty on ona my wy oni "
        "mój moja moje dla od po przez za już jeszcze bardzo tylko teraz dziś wczoraj jutro proszę dziękuję dzień dobry pieniądze konto "
        "kartą karta płatność hasło pomoc woda ten ta te tego być może"
    ),
    "id": (
        "yang dan di ke dari ini itu tidak saya kamu anda dia kami kita mereka ada adalah untuk dengan pada akan sudah belum bisa mau "
        "apa siapa kapan mengapa kenapa bagaimana mana juga atau tetapi tapi kalau jika karena lagi sangat banyak semua uang akun "
        "kartu bayar tolong terima kasih air"
    ),
}
_LETTERS = {"es": "ñ¿¡", "pt": "ãõ", "ru": "ыэёъ", "uk": "іїєґ"}


def _spoken_by() -> dict[str, frozenset[str]]:
    known: dict[str, set[str]] = {}
    for language, listed in _WORDS.items():
        for word in listed.split():
            known.setdefault(word, set()).add(language)
    return {word: frozenset(languages) for word, languages in known.items()}


def _plainly() -> dict[str, frozenset[str]]:
    """The same words as typed on a keyboard without accents.

    A word that a language writes so itself stands for that language ("agua", not "água"), and for Vietnamese too unless it is
    English: hardly a word of Vietnamese has no accent.
    """
    english = set(_WORDS["en"].split())
    known: dict[str, set[str]] = {}
    for word, languages in _SPOKEN_BY.items():
        bare = without_accents(word.replace("đ", "d").replace("ı", "i").replace("ł", "l"))
        written_so = bare == word or bare not in _SPOKEN_BY
        typed_so = languages if written_so else languages & {"vi"} if bare not in english else ()
        known.setdefault(bare, set()).update(typed_so)
    return {word: frozenset(languages) for word, languages in known.items()}


_SPOKEN_BY = _spoken_by()
_PLAINLY = _plainly()  # for texts without any accent


def by_small_words(ranking: Sequence[tuple[str, float]], text: str) -> list[tuple[str, float]]:
    """The ranking with each language four times as likely for each small word of its own, three of them at most.

    The sum is as it was, so that what a text leaves open stays open; languages without a list gain nothing.
    """
    found = _counted(text.lower())
    if not found:
        return list(ranking)
    weighed = [(name, p * _FOUR_TIMES ** min(found.get(name, 0), _MOST)) for name, p in ranking]
    scale = sum(p for _, p in ranking) / (sum(p for _, p in weighed) or 1.0)
    return sorted(((name, p * scale) for name, p in weighed), key=lambda item: -item[1])


def _counted(text: str) -> dict[str, int]:
    """How many small words, and signs no neighbour has, speak for each language."""
    spoken_by = _PLAINLY if text.isascii() else _SPOKEN_BY
    marks = [
        languages for word in _words(text) if (word > "\u007f" or len(word) > 1) and (languages := spoken_by.get(word))
    ]
    marks += [
        frozenset({language}) for language, letters in _LETTERS.items() if any(letter in text for letter in letters)
    ]
    return {language: sum(language in mark for mark in marks) for mark in marks for language in mark}


def _words(text: str) -> list[str]:
    return "".join(letter if letter.isalpha() else " " for letter in text).split()
