"""Mail that no person wrote: automatic replies, lists, reports, receipts, bounces of every form."""

import pytest

from channels.email import normalize
from channels.email.mime.parsed_mail import Letter
from tests.channels.email.letters import letter, raw

DAEMON = "Mail Delivery System <MAILER-DAEMON@mx.example.net>"


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        (("Auto-Submitted: auto-replied",), "auto-reply"),
        (("Auto-Submitted: Auto-Replied (vacation)",), "auto-reply"),
        (("Auto-Submitted: auto-generated",), "notification"),
        (("Auto-Submitted: auto-generated", "Subject: Automatic reply: away"), "auto-reply"),
        (("Auto-Submitted: no",), None),
        (("X-Autoreply: yes",), "auto-reply"),
        (("X-Autorespond: x",), "auto-reply"),
        (("Precedence: auto_reply",), "auto-reply"),
        (("X-Auto-Response-Suppress: All", "Subject: Out of Office: holiday"), "auto-reply"),
        (("Precedence: bulk", "Subject: Abwesenheitsnotiz"), "auto-reply"),
        (("In-Reply-To: <a@x>", "Subject: 自动回复: 您好"), "auto-reply"),
        (("Subject: Out of office chairs",), None),
        (("Subject: Automatic reply does not work",), None),
        (("List-Id: <a.example.org>",), "list"),
        (("Precedence: list",), "list"),
        (("List-Unsubscribe: <https://x.example>",), "bulk"),
        (("Precedence: bulk",), "bulk"),
        (("Return-Path: <>",), "notification"),
        ((), None),
        (("Precedence: first-class",), None),
    ],
)
def test_machines_are_known_by_their_fields(fields: tuple[str, ...], kind: str | None) -> None:
    assert letter(*fields).machine == kind


@pytest.mark.parametrize(
    "sender", ["no-reply@x.example", "NoReply@x.example", "do_not_reply@x.example", "mailer-daemon@x.example"]
)
def test_addresses_that_nobody_reads_are_machines(sender: str) -> None:
    assert letter(sender=sender).machine == "notification"


def report(kind: str, part: str, body: str) -> Letter:
    return normalize.letter(
        raw(
            f"Content-Type: multipart/report; report-type={kind}; boundary=b",
            body=f"--b\r\n\r\nSomething happened.\r\n--b\r\nContent-Type: {part}\r\n\r\n{body}\r\n--b\r\n"
            "Content-Type: message/rfc822\r\n\r\nFrom: us@example.com\r\nMessage-ID: <ours@example.com>\r\n\r\nhello\r\n--b--\r\n",
        )
    )


def test_complaints_and_receipts_are_no_bounces() -> None:
    complaint = report("feedback-report", "message/feedback-report", "Feedback-Type: abuse\r\nVersion: 1")
    assert (complaint.machine, complaint.bounces, complaint.original_id) == ("report", (), "ours@example.com")
    receipt = report(
        "disposition-notification",
        "message/disposition-notification",
        "Final-Recipient: rfc822; lena@example.org\r\nOriginal-Message-ID: <ours@example.com>\r\nDisposition: manual-action; displayed",
    )
    assert (receipt.machine, receipt.bounces, receipt.original_id) == ("receipt", (), "ours@example.com")


def status(*rows: str) -> Letter:
    return report(
        "delivery-status", "message/delivery-status", "Reporting-MTA: dns; mx\r\n\r\n" + "\r\n\r\n".join(rows)
    )


def test_a_report_gives_a_row_for_each_recipient_that_failed() -> None:
    read = status(
        "Original-Recipient: rfc822;lena@example.org\r\nFinal-Recipient: rfc822; x1@inner.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 no\r\n such user",
        "Final-Recipient: rfc822; max@example.org\r\nAction: delayed\r\nStatus: 4.4.1 (no answer)",
        "Final-Recipient: rfc822; ada@example.org\r\nAction: delivered\r\nStatus: 2.0.0",
        "Final-Recipient: rfc822; full@example.org\r\nAction: failed\r\nStatus: 5.2.2",
    )
    assert read.machine == "bounce"
    assert [(one.address, one.status, one.hard, one.gone) for one in read.bounces] == [
        ("lena@example.org", "5.1.1", True, True),
        ("max@example.org", "4.4.1", False, False),
        ("full@example.org", "5.2.2", True, False),
    ]
    assert read.bounces[0].reason == "550 5.1.1 no such user"
    assert {one.original_id for one in read.bounces} == {"ours@example.com"}


NOTICES = {
    "qmail": ("failure notice", "Hi. This is the qmail-send program at mx.example.net.\nI'm afraid I wasn't able to deliver your message to the following addresses.\n\n<lena@example.org>:\n192.0.2.1 does not like recipient.\nRemote host said: 550 5.1.1 No such user\n\n--- Below this line is a copy of the message.\n\nTo: other@example.org\n"),
    "exim": ("Mail delivery failed: returning message to sender", "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n  lena@example.org\n    SMTP error from remote mail server after RCPT TO:<lena@example.org>:\n    host mx.example.org [192.0.2.1]: 550 User unknown\n\n------ This is a copy of the message, including all the headers. ------\n\nTo: other@example.org\n"),
    "postfix": ("Undelivered Mail Returned to Sender", "This is the mail system at host mx.example.net.\n\nI'm sorry to have to inform you that your message could not\nbe delivered to one or more recipients. It's attached below.\n\nFor further assistance, please send mail to postmaster.\n\n                   The mail system\n\n<lena@example.org>: host mx.example.org[192.0.2.1] said: 550 5.1.1\n    <lena@example.org>: Recipient address rejected: User unknown\n"),
    "sendmail": ("Returned mail: see transcript for details", "The original message was received at Tue, 24 Nov 2026 09:41:00 +0100\nfrom localhost\n\n   ----- The following addresses had permanent fatal errors -----\n<lena@example.org>\n    (reason: 550 5.1.1 User unknown)\n\n   ----- Transcript of session follows -----\n... while talking to mx.example.org.:\n>>> DATA\n<<< 550 5.1.1 User unknown\n550 5.1.1 <lena@example.org>... User unknown\n"),
    "yahoo": ("Failure Notice", "Sorry, we were unable to deliver your message to the following address.\n\n<lena@example.org>:\nRemote host said: 550 5.1.1 no such user\n\n--- Below this line is a copy of the message.\n"),
    "exchange": ("Undeliverable: Your card", "Delivery has failed to these recipients or groups:\n\nlena@example.org<mailto:lena@example.org>\nThe e-mail address you entered couldn't be found. Please check it.\n\nDiagnostic information for administrators:\n\nGenerating server: mx.example.net\n\nlena@example.org\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##\n"),
    "old exchange": ("Undeliverable: Your card", "Your message did not reach some or all of the intended recipients.\n\n      Subject:\tYour card\n      Sent:\t24.11.2026 09:41\n\nThe following recipient(s) could not be reached:\n\n      lena@example.org on 24.11.2026 09:42\n            The e-mail account does not exist at the organization this message was sent to.\n"),
    "gmail": ("Delivery Status Notification (Failure)", "** Address not found **\n\nYour message wasn't delivered to lena@example.org because the address couldn't be found, or is unable to receive mail.\n\nThe response was:\n\n550 5.1.1 The email account that you tried to reach does not exist.\n"),
    "groupwise": ("Mail failure", "The message that you sent was undeliverable to the following:\n\tlena@example.org (Mailbox does not exist)\n\nPossibly truncated original message follows:\n\nTo: other@example.org\n"),
    "notes": ("DELIVERY FAILURE: User lena not listed in Domino Directory", "Your message\n\n  Subject: Your card\n\nwas not delivered to:\n\n  lena@example.org\n\nbecause:\n\n  User lena (lena@example.org) not listed in Domino Directory\n"),
    "aol": ("Returned mail: User unknown", "The mail you sent could not be delivered to:\n550 lena@example.org is not a known user\n"),
    "netease": ("系统退信", "抱歉，您的邮件被退回来了……\n\n收件人邮件地址：lena@example.org\n退信原因：收件人不存在 550 User not found\n"),
    "qq": ("系统退信/Systems bounce", "来自mail.example.net的退信\n\n很抱歉您发送的邮件被退回，以下是该邮件的相关信息：\n\n无法发送到 lena@example.org\n\n退信原因 收件人邮件地址（lena@example.org）不存在\n"),
    "japanese": ("Mail System Error - Returned Mail", "次のあて先へのメッセージはエラーのため送信できませんでした。\n\n送信先メールアドレスが見つかりません。\n\n<lena@example.org>\n"),
    "web.de": ("Unzustellbare Nachricht", "Die folgende Nachricht konnte nicht zugestellt werden an:\n\nlena@example.org\n\nUnbekannter Empfänger\n"),
    "orange": ("Échec de la remise", "Votre message n'a pas pu être délivré au destinataire suivant :\n\nlena@example.org\n\nAdresse inconnue\n"),
    "terra": ("No se pudo entregar el mensaje", "Su mensaje no se pudo entregar a los siguientes destinatarios:\n\n<lena@example.org>\nUsuario desconocido\n"),
    "libero": ("Mancato recapito", "Il messaggio non è stato recapitato al seguente destinatario:\n\nlena@example.org\n\nutente sconosciuto\n"),
    "mail.ru": ("Сообщение не доставлено", "Ваше сообщение не может быть доставлено следующим адресатам:\n\n  lena@example.org\n    550 Message was not accepted -- invalid mailbox.\n"),
"netscape too":("Mail System Error - Returned Mail","This Message was undeliverable due to the following reason:\n\nEach of the following recipients was rejected by a remote mail server.\nThe reasons given by the server are included to help you determine why\neach recipient was rejected.\n\n    Recipient: <lena@example.org>\n    Reason:    <lena@example.org>... No such user\n\nPlease reply to <Postmaster@mx.example.net>\nif you feel this message to be in error.\n"),
    "gmailold too":("Delivery Status Notification (Failure)","Delivery to the following recipient failed permanently:\n\n     lena@example.org\n\nTechnical details of permanent failure: \nGoogle tried to deliver your message, but it was rejected by the server for the recipient domain example.com by mx.example.com. [192.0.2.1].\n\n----- Original message -----\n\nX-Received: by 10.1.1.1\nFrom: other@example.org\n"),
    "rcptto too":("Undeliverable mail","Failed to deliver mail.\n>>> RCPT TO:<lena@example.org>\n<<< 550 5.1.1 User unknown\n"),
    "quoted too":("Mail failure","The user 'lena@example.org' is unknown here.\n"),
    "star too":("Delivery Failure","Delivery to the following recipients was aborted:\n\n  * lena@example.org\n    550 unknown\n"),
    "thefollowing too":("Undeliverable","Your message could not be delivered to the following recipient:\nlena@example.org (Host or domain name not found)\n"),
    "colon too":("failed mail","lena@example.org: 550 unknown user\n"),
    "fold too":("Returned mail: Host unknown","   ----- The following addresses have delivery notifications -----\nlena@example.org  (unrecoverable error)\n\n   ----- Transcript of session follows -----\n550 lena@example.org... Host unknown (Name server: example.com: host not found)\n"),
    "mercury too":("Postmaster notify: delivery failure.","The attached message has failed delivery and has been referred\nto you as postmaster. The following error report or reports\nwere given:\n\n*** lena@example.org\nThe mailbox is over quota\n"),
    "communigate too":("Undeliverable mail: hello","Failed to deliver to 'lena@example.org'\nSMTP module(domain example.com) reports:\n host mx says:\n 550 no such user\n"),
    "smtp32 too":("Undeliverable Mail","undeliverable to lena@example.org\n\nOriginal message follows.\n"),
    "surgemail too":("Delivery Error","Failed To Send To <lena@example.org>\nRemote server said: 550 bad\n"),
    "mdaemon too":("Permanent Delivery Failure","The attached message has been undeliverable.\n\n--> RCPT To:<lena@example.org>\n<-- 550 user unknown\n"),
    "spam too":("Message rejected",'The message from <lists@x.example> with the subject of "hello" matches a profile the Internet community may consider spam and was rejected for lena@example.org\n'),
    "lotus too":("DELIVERY FAILURE","Your message\n\n  Subject: Re: hello\n\nwas not delivered to:\n\n  lena@example.org\n\nbecause:\n\n  Router: No such user\n"),
    "bigpond too":("Mail delivery failed","The following message to <lena@example.org> was undeliverable.\nThe reason for the problem:\n5.1.0 - Unknown address error 550\n"),
    "ironport too":("Delivery Status Notification (Failure)","The following message to <lena@example.org> was undeliverable.\nThe reason for the problem:\n5.1.1 - Bad destination email address 'reject'\n"),
    "barracuda too":("Undelivered Mail Returned to Sender","<lena@example.org>: host 127.0.0.1[127.0.0.1] said: 554 Service unavailable\n    (in reply to end of DATA command)\n"),
    "timeout too":("Undeliverable message","Your message was not delivered to\n  lena@example.org\nfor the following reason:\n   Diagnostic was Unable to transfer, Message timed out\n"),
    "mailgun too":("Delivery failure","Reporting-MTA: x\n\nWe tried to deliver your message to lena@example.org but the recipient's server said no\n"),
    "html too":("Undeliverable: hello","<html><body><p>Your message to <b>lena@example.org</b> couldn't be delivered.</p></body></html>"),
    "docomo too":("Mail System Error - Returned Mail","次のあて先へのメッセージはエラーのため送信できませんでした。\n\n  lena@example.org\n\nホストが見つかりません\n"),
    "ezweb too":("Mail System Error - Returned Mail","The user(s) account is disabled.\n\n<lena@example.org>: 550 <lena@example.org>: User unknown\n"),
    "163 too":("系统退信","您的邮件无法投递到 lena@example.org，对方服务器拒收。\n"),
    "naver too":("메일 전송 실패","메일이 전송되지 않았습니다.\n받는 사람: lena@example.org\n사유: 존재하지 않는 사용자\n"),
    "field only": ("Mail delivery failed", "Sorry.\n"),
    "one sentence": ("Undeliverable mail", "Your message to lena@example.org could not be delivered: the account has been disabled or discontinued.\n"),
}  # fmt: skip


@pytest.mark.parametrize(("subject", "notice"), NOTICES.values(), ids=NOTICES)
def test_a_notice_of_any_mail_system_names_the_recipient(subject: str, notice: str) -> None:
    extra = ("X-Failed-Recipients: lena@example.org",) if notice == "Sorry.\n" else ()
    kind = "html" if notice.startswith("<html") else "plain"
    read = letter(
        f"Subject: {subject}", f"Content-Type: text/{kind}; charset=utf-8", *extra, body=notice, sender=DAEMON
    )
    assert read.machine == "bounce"
    assert [(one.address, one.hard) for one in read.bounces] == [("lena@example.org", True)]


@pytest.mark.parametrize(
    ("subject", "notice"),
    [
        ("Warning: message delayed 24 hours", "The message has not yet been delivered to the following addresses:\n\n  lena@example.org\n\nNo action is required on your part."),
        ("Delivery Status Notification (Delay)", "THIS IS A WARNING MESSAGE ONLY.\n\nYOU DO NOT NEED TO RESEND YOUR MESSAGE.\n\nDelivery to the following recipient has been delayed:\n\n     lena@example.org\n"),
        ("Delayed Mail (still being retried)", "Your message could not be delivered for more than 4 hour(s).\nIt will be retried until it is 5 day(s) old.\n\n<lena@example.org>: connect to mx.example.org: Connection timed out\n"),
    ],
)  # fmt: skip
def test_a_warning_is_not_final(subject: str, notice: str) -> None:
    read = letter(f"Subject: {subject}", body=notice, sender=DAEMON)
    assert [(one.address, one.hard, one.action) for one in read.bounces] == [("lena@example.org", False, "delayed")]


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        (
            "Undeliverable parcel",
            "My parcel was returned to sender. Please send it to lena@example.org, the address is unknown to the driver.",
        ),
        ("Re: failed payment", "The payment failed twice. My address is lena@example.org."),
        ("Delivery problem", "You said my order could not be delivered. Why?"),
        (
            "Fwd: failure notice",
            "What does this mean?\n\nYour message could not be delivered to\n<max@example.org>:\nno such user",
        ),
        ("Undeliverable mail", "I got this when I wrote to you: max@example.org, user unknown. What now?"),
        (
            "Returned mail",
            "Hello, the letter you sent to my old address came back. I am at lena@example.org now. It failed.",
        ),
    ],
)
def test_a_customer_who_writes_of_failures_is_no_bounce(subject: str, words: str) -> None:
    assert letter(f"Subject: {subject}", body=words).machine is None


@pytest.mark.parametrize(
    ("sender", "subject", "words"),
    [
        ('"Bob (System Administrator)" <bob@example.org>', "Re: login", "No, the login of carol@example.org failed again."),
        ("System Administrator <it@example.org>", "My account", "My login as max@example.org failed."),
        ("Antivirus Store <shop@example.org>", "My account", "My login as max@example.org failed."),
        ("Alice <alice@example.org>", "Delivery failure", "Your message says delivered, but the parcel did not reach me."),
    ],
)  # fmt: skip
def test_what_somebody_calls_themselves_makes_no_bounce(sender: str, subject: str, words: str) -> None:
    read = letter(f"Subject: {subject}", "In-Reply-To: <x@example.com>", body=words, sender=sender)
    assert read.machine is None
    assert read.reply == words
    assert letter(f"Subject: {subject}", body=words, sender=sender).machine is None


def test_a_report_that_somebody_sends_on_is_an_attachment() -> None:
    report = "Reporting-MTA: dns; mx.example.org\n\nFinal-Recipient: rfc822; lena@example.org\nAction: failed\nStatus: 5.1.1\n"
    body = f"--b\n\nMy money is stuck and I got this.\n--b\nContent-Type: message/delivery-status\n\n{report}\n--b--\n"
    read = letter(
        "Content-Type: multipart/mixed; boundary=b", "MIME-Version: 1.0", body=body, sender="lena@example.org"
    )
    assert (read.machine, read.bounces) == (None, ())
    assert read.reply == "My money is stuck and I got this."


# -- authentication results --------------------------------------------------------------------------------------------


def test_what_a_stranger_chose_is_no_result() -> None:
    read = letter(
        'Authentication-Results: mx.example.com; dmarc=fail (p=none (x) ; dmarc=pass ); spf=pass smtp.mailfrom="x; dmarc=pass "@evil.test',
    )
    assert read.authentication[0].results == (("dmarc", "fail"), ("spf", "pass"))


def test_authentication_results_are_read_in_their_order() -> None:
    read = letter(
        "Authentication-Results: MX.Example.com 1; (dmarc=pass;) dmarc=fail (p=none) header.from=example.org;\r\n dkim=pass header.d=x",
        "Authentication-Results: evil.example; dmarc=pass",
        "Authentication-Results: ",
    )
    assert [(one.server, one.results) for one in read.authentication] == [
        ("mx.example.com", (("dmarc", "fail"), ("dkim", "pass"))),
        ("evil.example", (("dmarc", "pass"),)),
        ("", ()),
    ]
