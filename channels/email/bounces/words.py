"""The words by which mail systems say that a message did not arrive, in the forms that are no RFC 3464 reports."""

# subjects of bounces
SUBJECTS = (
    "undeliver(?:able|ed)|returned mail|returned message|return(?:ed)? to sender|returning (?:message )?to sender|mail delivery (?:failed|failure|error|"
    "problem|status|system|subsystem)|delivery (?:status )?notification|delivery (?:has )?(?:failed|failure|error|problem|delayed|report)|"
    "failure (?:notice|delivery)|failed (?:mail|delivery)|mail (?:error|failed|failure|not delivered|could not be)|message (?:delayed|not delivered|"
    "delivery|undeliverable)|non[- ]?(?:remis|delivery|delivered|recapitabile)|could ?n[o']t (?:be )?deliver|not (?:be )?delivered|"
    "cannot be delivered|couldn't be delivered|message status|email delivery|warning: (?:message|could not|e?-?mail)|unzustellbar|nicht zustellbar|"
    "zustellung|unable to deliver|delivery unsuccessful|user unknown|permanent (?:fail|error)|nondeliverable|rejected mail|rejected: |"
    "entregado|no se (?:ha )?(?:pudo|puede|podido) entregar|échec|echec|mancato recapito|mancata consegna|não entregue|onbestelbaar|"
    "niedostarcz|не (?:удалось )?достав|недостав|退信|系统退信|投递失败|无法投递|邮件传输失败|傳送失敗|无法送达|配信不能|配信できません|送信できません|未送達|配信エラー|メール配信|전송 실패|반송|automatically rejected|"
    "delivery notification|mdaemon notification|mail system error|problem delivering|returned"
)
# what says that something is only late
DELAYED = (
    "has been delayed|is delayed|message delayed|delivery delayed|delayed \\d|warning message only|do not need to resend|not need to resend|"
    "will be retried|will continue (?:to be )?tr|will keep trying|delivery attempts will continue|still trying|still being retried|"
    "has not yet been delivered|not yet been delivered|not been delivered yet|could not be delivered for the last|temporarily undeliverable|"
    "warning: message (?:still )?(?:undelivered|delayed)|no action is required on your part|will be attempted|continue trying|queue will be retried|"
    "retry timeout not exceeded|attempts will continue|wird verzögert|verzögert|zustellversuch|en cours de nouvelle tentative|retrasad"
)
# below these lines stands the message that came back
COPY = (
    "\\s*-* ?(?:below this line|below the next line|this is a copy of|here is (?:a copy|your message)|a copy of the original|a copy of (?:the|your) "
    "message|included is a copy|start of (?:your|returned|the)|original message|the header of|the headers of|message header|header of the source|"
    "returned (?:mail|message) follows|message text follows|unsent message|the original message (?:follows|headers)|original headers|"
    "forwarded message|your message reads|your original (?:message|mail)|original (?:mail|e-?mail) follows|message follows|"
    "text of (?:your )?message|the following should not|attached is|rest of (?:your )?message|begin of|content of (?:the )?original|"
    "the (?:unsent|undelivered|returned) (?:message|mail)|summary of the undelivered|a summary of|enclosed (?:is|below)|the message headers|"
    "附件中的内容|以下是您|原邮件|原始邮件|originalnachricht|ursprüngliche nachricht|il messaggio originale)"
)
# lines of a notice that name a recipient beside what went wrong
FAILING = (
    "unknown|no such|not (?:exist|found|known|list|recogni|valid|accept|be deliver|deliver|an? (?:valid|known)|reach|exactly match|available|allow|"
    "have an? |yet been)|doesn't have|does not|don't|invalid|wrong|no longer|disabled|inactive|discontinued|suspended|quota|over ?quota|full|"
    "exceed|reject|refus|fail|undeliver|unable|could ?n[o']t|can ?no?t|cannot|denied|bad (?:address|destination)|loop|expired|timed? ?out|"
    "delayed|warning|recipient|addressed to|intended|error|mailbox|account|local address|non (?:remis|recapitabile)|pas pu|impossible|"
    "nicht|unbekannt|no (?:se )?(?:pudo|puede|ha podido)|desconocid|inconnu|sconosciut|não|не |无法|無法|不存在|失败|失敗|退回|できません|存在しません|없습니다|않았|존재하지|실패|받는 ?사람|收件人|あて先|宛先|退信"
)
# lines of a notice whose addresses are not the recipient's
OTHER = (
    "contact|assistance|help|questions|postmaster|abuse|mailer-daemon|please (?:e?-?mail|write|call|send|forward)|support@|administrator|admin@|"
    "webmaster|^\\s*(?:from|to|cc|bcc|sender|sent by|reply-to|return-path|message-id|received|date|by|on behalf of|x-[\\w-]+)\\s*:|"
    "in-reply-to|references:|message-?id|thread|mail from:|mail from|from:<|from <|you sent from|sender address|reporting-mta"
)
# reasons that speak of the address itself: writing to it again is no use
GONE = (
    "unknown user|user unknown|unknown (?:recipient|address|local)|no such|does ?n[o']t (?:exist|have)|not exist|invalid (?:recipient|address|"
    "final|mailbox)|disabled|discontinued|inactive|no longer|not found|no mailbox|addressee unknown|recipient (?:name )?is not recognized|"
    "not recognized|not our customer|mailbox unavailable|address rejected|recipientnotfound|unknown host|host unknown|inconnu|unbekannt|不存在"
)
