"""What is new in a mail: attributions, copied headers, separators and signatures in many languages and programs."""

import pytest

from channels.email.mime import html_text
from channels.email.replies import visible_text as reply_text

ATTRIBUTIONS = {
    "en gmail": "On Tue, Nov 24, 2026 at 9:41 AM Mei Lin <mei@shop.example> wrote:",
    "en gmail, broken": "On Tue, Nov 24, 2026 at 9:41 AM, Mei Lin from a very long company name <\nmei@shop.example> wrote:",
    "en apple": "On 24 Nov 2026, at 09:41, Mei Lin <mei@shop.example> wrote:",
    "en thunderbird": "On 11/24/2026 9:41 AM, Mei Lin wrote:",
    "en usenet": "Mei Lin <mei@shop.example> writes:",
    "en zoho": "---- On Tue, 24 Nov 2026 09:41:00 +0100 Mei Lin <mei@shop.example> wrote ----",
    "en date first": "2026-11-24 9:41 GMT+01:00 Mei Lin <mei@shop.example>:",
    "de gmail": "Am Di., 24. Nov. 2026 um 09:41 Uhr schrieb Mei Lin <mei@shop.example>:",
    "de thunderbird": "Am 24.11.26 um 09:41 schrieb Mei Lin:",
    "de name first": "Mei Lin <mei@shop.example> schrieb am Di., 24. Nov. 2026,\n09:41:",
    "fr gmail": "Le mar. 24 nov. 2026 à 09:41, Mei Lin <mei@shop.example> a écrit :",
    "fr thunderbird": "Le 24/11/2026 à 09:41, Mei Lin a écrit\xa0:",
    "es gmail": "El mar, 24 nov 2026 a las 9:41, Mei Lin (<mei@shop.example>) escribió:",
    "it gmail": "Il giorno mar 24 nov 2026 alle ore 09:41 Mei Lin <mei@shop.example> ha scritto:",
    "it thunderbird": "Il 24/11/2026 09:41, Mei Lin ha scritto:",
    "nl gmail": "Op di 24 nov 2026 om 09:41 schreef Mei Lin <mei@shop.example>:",
    "nl android": 'Op 24 nov. 2026 09:41 schreef "Mei Lin" <mei@shop.example> het\nvolgende geschreven:',
    "pt gmail": "Em ter., 24 de nov. de 2026 às 09:41, Mei Lin <mei@shop.example>\nescreveu:",
    "ru gmail": "вт, 24 нояб. 2026 г. в 09:41, Mei Lin <mei@shop.example>:",
    "ru android": '24 нояб. 2026 г. 9:41 пользователь "Mei Lin" <mei@shop.example> написал:',
    "ru thunderbird": "24.11.2026 09:41, Mei Lin пишет:",
    "ru yandex": '24.11.2026, 09:41, "Mei Lin" <mei@shop.example>:',
    "ru mail.ru": "Вторник, 24 ноября 2026, 9:41 +03:00 от Mei Lin <mei@shop.example>:",
    "pl gmail": "wt., 24 lis 2026 o 09:41 Mei Lin <mei@shop.example> napisał(a):",
    "pl thunderbird": "W dniu 24.11.2026 o 09:41, Mei Lin pisze:",
    "sv gmail": "Den tis 24 nov. 2026 kl 09:41 skrev Mei Lin <mei@shop.example>:",
    "sv apple": "24 nov. 2026 kl. 09:41 skrev Mei Lin <mei@shop.example>:",
    "no gmail": "tir. 24. nov. 2026 kl. 09:41 skrev Mei Lin <mei@shop.example>:",
    "da gmail": "Den tirs. 24. nov. 2026 kl. 09.41 skrev Mei Lin <mei@shop.example>:",
    "fi gmail": "ti 24. marrask. 2026 klo 9.41 Mei Lin (mei@shop.example) kirjoitti:",
    "cs gmail": "út 24. 11. 2026 v 9:41 odesílatel Mei Lin <mei@shop.example> napsal:",
    "uk gmail": "вт, 24 лист. 2026 р. о 09:41 Mei Lin <mei@shop.example> пише:",
    "tr gmail": "Mei Lin <mei@shop.example>, 24 Kas 2026 Sal, 09:41 tarihinde şunu yazdı:",
    "hu gmail": "Mei Lin <mei@shop.example> ezt írta (időpont: 2026. nov. 24., K, 9:41):",
    "el gmail": "Στις Τρί 24 Νοε 2026 στις 9:41 π.μ., ο χρήστης Mei Lin <mei@shop.example> έγραψε:",
    "zh gmail": "Mei Lin <mei@shop.example> 于2026年11月24日周二 09:41写道：",
    "zh apple": "在 2026年11月24日，09:41，Mei Lin <mei@shop.example> 写道：",
    "zh netease": '在 2026-11-24 09:41:00，"Mei Lin" <mei@shop.example> 写道：',
    "zh traditional": "Mei Lin <mei@shop.example> 於 2026年11月24日 週二 上午9:41寫道：",
    "ja gmail": "2026年11月24日(火) 9:41 Mei Lin <mei@shop.example>:",
    "ja apple": "2026/11/24 9:41、Mei Lin <mei@shop.example>のメール:",
    "ko gmail": "2026년 11월 24일 (화) 오전 9:41, Mei Lin <mei@shop.example>님이 작성:",
}

HEADERS = {
    "en outlook": "From: Mei Lin <mei@shop.example>\nSent: Tuesday, November 24, 2026 9:41 AM\nTo: Lena\nSubject: Your card",
    "en bold": "*From:* Mei Lin [mailto:mei@shop.example]\n*Sent:* Tuesday, November 24, 2026 9:41 AM\n*To:* Lena\n*Subject:* Your card",
    "de": "Von: Mei Lin <mei@shop.example>\nGesendet: Dienstag, 24. November 2026 09:41\nAn: Lena\nBetreff: Ihre Karte",
    "fr": "De : Mei Lin <mei@shop.example>\nEnvoyé : mardi 24 novembre 2026 09:41\nÀ : Lena\nObjet : Votre carte",
    "es": "De: Mei Lin <mei@shop.example>\nEnviado el: martes, 24 de noviembre de 2026 9:41\nPara: Lena\nAsunto: Su tarjeta",
    "it": "Da: Mei Lin <mei@shop.example>\nInviato: martedì 24 novembre 2026 09:41\nA: Lena\nOggetto: La carta",
    "nl": "Van: Mei Lin <mei@shop.example>\nVerzonden: dinsdag 24 november 2026 09:41\nAan: Lena\nOnderwerp: Uw kaart",
    "pt": "De: Mei Lin <mei@shop.example>\nEnviada em: terça-feira, 24 de novembro de 2026 09:41\nPara: Lena\nAssunto: O cartão",
    "ru": "От: Mei Lin <mei@shop.example>\nОтправлено: 24 ноября 2026 г. 9:41\nКому: Lena\nТема: Карта",
    "pl": "Od: Mei Lin <mei@shop.example>\nWysłano: wtorek, 24 listopada 2026 09:41\nDo: Lena\nTemat: Karta",
    "sv": "Från: Mei Lin <mei@shop.example>\nSkickat: den 24 november 2026 09:41\nTill: Lena\nÄmne: Kortet",
    "da": "Fra: Mei Lin <mei@shop.example>\nSendt: 24. november 2026 09:41\nTil: Lena\nEmne: Kortet",
    "fi": "Lähettäjä: Mei Lin <mei@shop.example>\nLähetetty: tiistai 24. marraskuuta 2026 9.41\nVastaanottaja: Lena\nAihe: Kortti",
    "cs": "Od: Mei Lin <mei@shop.example>\nOdesláno: úterý 24. listopadu 2026 9:41\nKomu: Lena\nPředmět: Karta",
    "zh": "发件人: Mei Lin <mei@shop.example>\n发送时间: 2026年11月24日 9:41\n收件人: Lena\n主题: 您的卡",
    "zh full width": "发件人：Mei Lin\n日期：2026年11月24日\n收件人：Lena\n主题：您的卡",
    "zh traditional": "寄件者: Mei Lin <mei@shop.example>\n寄件日期: 2026年11月24日 上午 9:41\n收件者: Lena\n主旨: 您的卡",
    "ja": "差出人: Mei Lin <mei@shop.example>\n送信日時: 2026年11月24日 9:41\n宛先: Lena\n件名: カード",
    "ko": "보낸 사람: Mei Lin <mei@shop.example>\n보낸 날짜: 2026년 11월 24일 9:41\n받는 사람: Lena\n제목: 카드",
}

SEPARATORS = (
    "-----Original Message-----",
    "-------- Original Message --------",
    "----- Original message -----",
    "-----Ursprüngliche Nachricht-----",
    "-------- Original-Nachricht --------",
    "-----Message d'origine-----",
    "-----Mensaje original-----",
    "-----Messaggio originale-----",
    "-----Oorspronkelijk bericht-----",
    "-----Mensagem original-----",
    "-----Исходное сообщение-----",
    "-----Wiadomość oryginalna-----",
    "-----Ursprungligt meddelande-----",
    "------------------ 原始邮件 ------------------",
    "------------------ Original ------------------",
    "-----邮件原件-----",
    "----- 元のメッセージ -----",
    "-----原始郵件-----",
    "---------- Forwarded message ---------",
)

DEVICES = (
    "Sent from my iPhone",
    "Sent from my Galaxy",
    "Get Outlook for iOS<https://aka.ms/o0ukef>",
    "Sent from Yahoo Mail for iPhone",
    "Von meinem iPhone gesendet",
    "Von meinem Samsung Gerät gesendet.",
    "Gesendet von Outlook für Android",
    "Envoyé de mon iPhone",
    "Envoyé depuis mon mobile",
    "Enviado desde mi iPhone",
    "Inviato da iPhone",
    "Verstuurd vanaf mijn iPhone",
    "Enviado do meu iPhone",
    "Отправлено с iPhone",
    "Wysłane z iPhone'a",
    "Skickat från min iPhone",
    "Sendt fra min iPhone",
    "发自我的 iPhone",
    "从我的iPhone发送",
    "發自我的手機",
    "iPhoneから送信",
    "나의 iPhone에서 보냄",
)

# what stands below the words in mails of many programs
PROGRAMS = (
    "Vào 12:00, Th 2, 1 thg 1, 2019 Mei Lin <m@s.example> đã viết:\n\n> x",
    "Vào Th 3, 24 thg 11, 2026 vào lúc 09:41 Mei Lin <m@s.example>\nđã viết:\n\n> x",
    "1 Oca 2019 Sal, 12:00 tarihinde Mei <m@s.example> şunu yazdı:\n\n> x",
    "W dniu 28.01.2015 o 01:53 Zenon pisze:\n> x",
    "Sent with [ProtonMail](https://protonmail.com) Secure Email.\n\n‐‐‐‐‐‐‐ Original Message ‐‐‐‐‐‐‐\nOn Thursday, January 24, 2019 2:31 PM, Mei <m@s.example> wrote:\n\n> x",
    "Sent from Polymail ( https://polymail.io/ )\n\nOn Mon, Apr 1, 2019 at 4:55 PM Mei < Mei ( m@s.example ) > wrote:\n\n>\n> x",
    '------ Original Message ------\nFrom: "Mei" <m@s.example>\nTo: x\nSent: 1/1/2019 12:00:00 PM\nSubject: y\n\nold',
    "On Mon, Apr 12, 2019 at 1:30 PM Mei [Support]\n<m@s.example>\nwrote:\n\nold",
    "On Thu, Nov 26, 2026 at 9:41 AM\nMei Lin\n<m@s.example> wrote:\n\nold",
    "Le jeu. 24 janv. 2019 à 14:31, Mei <m@s.example> a\nécrit :\n\n> x",
    "Em qui, 24 de jan de 2019 às 14:31, Mei <m@s.example> escreveu:\n\n> x",
    "El 24/11/2026 a las 9:41, Mei escribió:\n> x",
    "Quoting Mei Lin <m@s.example>:\n\n> x",
    "Zitat von Mei Lin <m@s.example>:\n\n> x",
    "Mei Lin wrote:\n> x",
    "Mei Lin schrieb:\n> x",
    "From: Mei [mailto:m@s.example] \nSent: Monday, November 26, 2012 10:48 AM\nTo: Watson, Dan\nSubject: Re: New Issue\n\nA reply\n\n-- \nSent from my iPhone",
    "Date: Thu, 26 Jun 2014 13:53:45 +0400\nSubject: Test\nFrom: m@s.example\nTo: x@y.example\n\nold",
    "From: m@s.example\nDate: Thu, 26 Jun 2014\n\nold",
    "发件人： Mei\n发送时间： 2019-01-01 12:00\n收件人： x\n主题： y\nold",
    '------------------ 原始邮件 ------------------\n发件人: "Mei"<m@s.example>;\n发送时间: 2019年1月1日(星期二) 中午12:00\n收件人: "x"<x@y.example>;\n主题: y\n\nold',
    "---原始邮件---\n发件人: x\nold",
    "-----Original Message-----\nold",
    "在 2019/1/1 12:00, Mei 写道:\n> x",
    'At 2019-01-01 12:00:00, "Mei" <m@s.example> wrote:\nold',
    "Mei <m@s.example>于2019年1月1日 周二12:00写道：\n> x",
    "Mei <m@s.example> 在 2019年1月1日 週二 下午12:00 寫道：\n> x",
    "2019年1月1日(火) 12:00 Mei Lin <m@s.example>:\n> x",
    "On 2019/01/01 12:00, Mei wrote:\n> x",
    "> On Jan 1, 2019, at 12:00, Mei <m@s.example> wrote:\n> \n> x",
    "________________________________\nVon: Mei <m@s.example>\nGesendet: Montag, 26. November 2012 10:48:00\nAn: x\nBetreff: y\n\nold",
    "Am Montag, 26. November 2012, 10:48 schrieb Mei:\n> x",
    "Am Mo., 26. Nov. 2012 um 10:48 Uhr schrieb Mei <\nm@s.example>:\n\n> x",
    "Mei <m@s.example> hat am 26.11.2012 10:48 geschrieben:\n\n\nold",
    'Gesendet: Montag, 26. November 2012 um 10:48 Uhr\nVon: "Mei" <m@s.example>\nAn: x@y.example\nBetreff: y\n\nold',
    "Il giorno 26 nov 2012, alle ore 10:48, Mei <m@s.example> ha scritto:\n\n> x",
    "Da: Mei <m@s.example>\nInviato: lunedì 26 novembre 2012 10:48\nA: x\nOggetto: y\n\nold",
    "Il lun 26 nov 2012, 10:48 Mei <m@s.example> ha scritto:\n> x",
    "Op 26 november 2012 10:48 schreef Mei <m@s.example>:\n> x",
    "Op ma 26 nov. 2012 om 10:48 schreef Mei <m@s.example>\n\nold",
    "Van: Mei\nVerzonden: maandag 26 november 2012 10:48\nAan: x\nOnderwerp: y\n\nold",
    "26 ноября 2012 г., 10:48 пользователь Mei <m@s.example> написал:\n> x",
    "Понедельник, 26 ноября 2012, 10:48 +04:00 от Mei <m@s.example>:\n>x",
    '26 ноября 2012, 10:48, "Mei" <m@s.example>:\nold',
    "-------- Пересылаемое сообщение --------\nold",
    "Dnia 26 listopada 2012 10:48 Mei <m@s.example> napisał(a):\n> x",
    "Pon., 26.11.2012, 10:48 użytkownik Mei <m@s.example> napisał:\n> x",
    "Den 26 november 2012 10:48 skrev Mei <m@s.example>:\n> x",
    "26 nov 2012 kl. 10:48 skrev Mei:\n> x",
    "Från: Mei\nDatum: måndag 26 november 2012 10:48\nTill: x\nÄmne: y\nold",
    "Mei kirjoitti 26.11.2012 10:48:\n> x",
    "Dne 26.11.2012 v 10:48 Mei napsal(a):\n> x",
    "Mei <m@s.example> escreveu no dia segunda, 26/11/2012 à(s) 10:48:\n> x",
    "Em 26 de novembro de 2012 10:48, Mei <m@s.example> escreveu:\n> x",
    "Enviado do meu iPhone\n\nEm 26 de nov de 2012, à(s) 10:48, Mei <m@s.example> escreveu:\n\n> x",
    "El lun., 26 nov. 2012 10:48, Mei <m@s.example> escribió:\n> x",
    "Enviado desde mi iPhone\n\nEl 26/11/2012, a las 10:48, Mei <m@s.example> escribió:\n\n> x",
    "De: Mei\nFecha: lunes, 26 de noviembre de 2012, 10:48\nPara: x\nAsunto: y\nold",
    "Le lundi 26 novembre 2012, Mei <m@s.example> a écrit :\nold",
    "Envoyé de mon iPhone\n\nLe 26 nov. 2012 à 10:48, Mei <m@s.example> a écrit :\n\n> x",
    'De : "Mei" <m@s.example>\nA : x@y.example\nEnvoyé: lundi 26 Novembre 2012 10:48\nObjet : y\n\nold',
    '> Message du 26/11/12 10:48\n> De : "Mei" <m@s.example>\n> A : x\n> Objet : y\n>\nold',
    "> Le 26 nov. 2012 à 10:48, Mei <m@s.example> a écrit :\n> \n> x",
    "iPhoneから送信\n\n2012/11/26 10:48、Mei <m@s.example>のメール:\n\n> x",
    "差出人: Mei <m@s.example>\n送信日時: 2012年11月26日月曜日 10:48\n宛先: x\n件名: y\n\nold",
    "On 2012年11月26日, at 上午10:48, Mei <m@s.example> wrote:\n\n> x",
    "Reply above this line\nold",
    "##- Please type your reply above this line -##\nold",
    "--- Original Message ---\nFrom: Mei\nold",
    "*From: *Mei\n*Date: *Mon\n*To: *x\n*Subject: *y\nold",
    "*De:* Mei <m@s.example>\n*Enviado:* lunes\n*Para:* x\n*Asunto:* y\n\nold",
    "| On Nov 26, 2012, at 10:48, Mei <m@s.example> wrote:\n| x",
    "Begin forwarded message:\n\nFrom: Mei\nSubject: y\nDate: z\nTo: w\n\nold",
    "Sent from Mail for Windows 10\n\nFrom: Mei\nSent: Monday\nTo: x\nSubject: y\n\nold",
    "Gesendet von Mail für Windows\n\nVon: Mei\nGesendet: Montag\nAn: x\nBetreff: y\n\nold",
    "Sent from my Samsung Galaxy smartphone.\n\n-------- Original message --------\nFrom: Mei\nDate: 1/1/19\nTo: x\nSubject: y\n\nold",
    "Von meinem Samsung Galaxy Smartphone gesendet.\n\n-------- Ursprüngliche Nachricht --------\nVon: Mei\nDatum: 1.1.19\nAn: x\nBetreff: y\n\nold",
    "Envoyé depuis mon smartphone Samsung Galaxy.\n\n-------- Message d'origine --------\nDe : Mei\nDate : x\nÀ : y\nObjet : z\n\nold",
    "Diese Nachricht wurde von meinem Android Mobiltelefon mit GMX Mail gesendet.\nAm 26.11.12, 10:48, Mei <m@s.example> schrieb:\n\nold",
    "-- \nLena\n\nOn Mon, Mei wrote:\n> x",
)

OWN = (
    "It works now, thank you.",
    "现在可以了，谢谢。",
    "ありがとうございます。解決しました。",
    "Es geht wieder, danke.\n\nViele Grüße\nLena",
)


@pytest.mark.parametrize("attribution", ATTRIBUTIONS.values(), ids=ATTRIBUTIONS)
@pytest.mark.parametrize("own", OWN, ids=["en", "zh", "ja", "de"])
def test_an_attribution_and_what_it_quotes_are_taken_off(attribution: str, own: str) -> None:
    assert reply_text.reply(f"{own}\n\n{attribution}\n\n> Does it work?\n> Mei\n") == own
    assert reply_text.reply(f"{own}\n\n{attribution}\nDoes it work?\nMei\n") == own


@pytest.mark.parametrize("attribution", ATTRIBUTIONS.values(), ids=ATTRIBUTIONS)
def test_an_answer_below_the_quotation_is_found(attribution: str) -> None:
    assert reply_text.reply(f"{attribution}\n> Does it work?\n>\n> Mei\n\nYes, it does.\n") == "Yes, it does."


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
@pytest.mark.parametrize(
    "above", ["\n", "\n________________________________\n", "\n-----\n"], ids=["nothing", "rule", "dashes"]
)
def test_a_copied_header_and_all_below_are_taken_off(header: str, above: str) -> None:
    assert reply_text.reply(f"It works now.\n{above}{header}\n\nDoes it work?\n\nMei\n") == "It works now."


@pytest.mark.parametrize("separator", SEPARATORS)
def test_a_separator_and_all_below_are_taken_off(separator: str) -> None:
    assert reply_text.reply(f"It works now.\n\n{separator}\nFrom: Mei\n\nDoes it work?\n") == "It works now."


@pytest.mark.parametrize("below", PROGRAMS)
def test_what_programs_put_below_is_taken_off(below: str) -> None:
    assert reply_text.reply(f"It works now.\n\n{below}\n") == "It works now."


def test_answers_below_a_quoted_header_and_its_text_are_kept() -> None:
    text = "See below.\n\n> From: a@b.example\n> Date: today\n> To: c\n>\n> Which card?\n\nThe blue one.\n"
    assert "The blue one." in reply_text.reply(text)


@pytest.mark.parametrize("device", DEVICES)
def test_what_a_device_says_of_itself_is_taken_off(device: str) -> None:
    assert reply_text.reply(f"It works now.\n\n{device}\n") == "It works now."
    assert (
        reply_text.reply(f"It works now.\n\n{device}\n\nOn 24 Nov 2026, at 09:41, Mei <m@s.example> wrote:\n\n> Hi\n")
        == "It works now."
    )


def test_answers_between_quotations_stay() -> None:
    text = "On Tue, Nov 24, 2026 at 9:41 AM Mei <m@s.example> wrote:\n\n> Which card?\n\nThe blue one.\n\n> Since when?\n\nYesterday.\n\n> Mei\n"
    assert reply_text.reply(text).split() == ["The", "blue", "one.", "Yesterday."]


def test_a_quotation_without_attribution_above_an_answer_stays() -> None:
    text = "> Which card?\n\nThe blue one.\n"
    assert reply_text.reply(text) == text.rstrip()


@pytest.mark.parametrize("separator", [*SEPARATORS, *HEADERS.values()])
def test_a_forwarded_mail_without_own_words_is_shown(separator: str) -> None:
    text = f"{separator}\n\nPlease look at this.\n"
    assert "Please look at this." in reply_text.reply(text)


@pytest.mark.parametrize("delimiter", ["-- ", "--", "—", "–"])
def test_a_signature_below_its_delimiter_is_taken_off(delimiter: str) -> None:
    signed = f"It works now.\n\n{delimiter}\nLena Weber\n+49 30 1234567\n"
    assert reply_text.reply(signed) == "It works now."
    assert (
        reply_text.reply(f"{signed}\nOn 24 Nov 2026, at 09:41, Mei <m@s.example> wrote:\n\n> Hi\n") == "It works now."
    )


@pytest.mark.parametrize(
    "text",
    [
        "On Monday I paid 20 euros at 9:41. It was refused.",
        "On 24 November 2026 I wrote:\nmy card does not work.\nStill nothing.",
        "The amounts:\n\n12.50\n13.00\n\n---\n\nWhich one is right? I have checked both of them again and again.",
        "My order:\nFrom: Berlin\nIt was sent last week.",
        "I see this:\n\n    > 404 not found\n\nWhat does it mean?",
        "Sent from my desk, is much easier than my phone.",
        "From my point of view this is wrong.",
        "Subject: money. I need help.",
        "Le 24 novembre j'ai payé 20 euros. Rien n'est arrivé.",
        "Am 24.11.2026 habe ich 20 Euro bezahlt.\nDas Geld fehlt.",
        "我在 2026年11月24日 充值了，还没有到账。",
        "Guten Tag,\n\nmeine Karte: 4711\nmein Name: Weber\n\nDanke",
        "a -- b\nc",
        "# heading\n\n####\ncode\n####\n\nend",
    ],
)
def test_ordinary_words_are_left_alone(text: str) -> None:
    assert reply_text.reply(text) == text


def test_where_nothing_would_be_left_all_is_kept() -> None:
    assert reply_text.reply("> only a quotation\n") == "> only a quotation"
    assert reply_text.reply("Sent from my iPhone\n") == "Sent from my iPhone"
    assert reply_text.reply("") == ""


CONTAINERS = (
    '<div class="gmail_quote"><div class="gmail_attr">I dag skrev nogen noget<br></div><blockquote class="gmail_quote">Old</blockquote></div>',
    '<div id="appendonsend"></div><hr><div id="divRplyFwdMsg"><b>De :</b> Mei<br></div><div>Old</div>',
    '<div class="yahoo_quoted"><div>Yesterday, Mei said</div><div>Old</div></div>',
    '<div class="protonmail_quote">Sent with Proton<blockquote type="cite">Old</blockquote></div>',
    '<div class="moz-cite-prefix">Mei sagte:<br></div><blockquote type="cite">Old</blockquote>',
    '<div style="border:none;border-top:solid #E1E1E1 1.0pt"><p><b>From:</b> Mei<br><b>Sent:</b> today<br><b>To:</b> Lena<br><b>Subject:</b> x</p></div><p>Old</p>',
    "<div>------------------&nbsp;原始邮件&nbsp;------------------</div><div>发件人: Mei</div><div>Old</div>",
    '<hr style="width: 210px; height: 1px;" color="#b5c4df" size="1" align="left"><div><b>发件人：</b> Mei</div><div>Old</div>',
    '<div id="mail-editor-reference-message-container"><div>Old</div></div>',
    '<blockquote type="cite">Old</blockquote>',
)


@pytest.mark.parametrize("container", CONTAINERS)
def test_containers_of_mail_programs_are_known_in_html(container: str) -> None:
    marked = html_text.text_of(f"<html><body><div>It works now.</div><br>{container}</body></html>")
    assert reply_text.reply(marked) == "It works now."
    assert "Old" in reply_text.without_quote_markers(marked)
    assert "\ue0f0" not in reply_text.without_quote_markers(marked)
