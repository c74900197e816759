"""The words by which mail programs in many languages introduce a quotation, a copied header or their own advertisement."""

# what stands in an attribution: "On Monday, Lin WROTE:"
WROTE = (
    "wrote|writes|wrote to us|said|schrieb|schrieben|schreibt|geschrieben|hat geschrieben|a écrit|à écrit|a ecrit|escribió|escribio|"
    "escribiste|ha escrito|ha scritto|scrisse|scrive|escreveu|écrit|schreef|heeft geschreven|volgende geschreven|geschreven|"
    "het volgende geschreven|napisał|napisał\\(a\\)|napisała|napisal|pisze|skrev|skrev följande|har skrivit|kirjoitti|написал|"
    "написал\\(а\\)|написала|пишет|писал|писал\\(а\\)|писала|написав|написав\\(ла\\)|написала|пише|пишет:|napsal|napsal\\(a\\)|napísal|"
    "napísal\\(a\\)|napsala|píše|írta|a scris|yazdı|yazmış|şunu yazdı|έγραψε|έγραψες|написа|je napisao|je napisala|je napisal/-a|je "
    "napisal|viết|menulis|menulis:|kirjutas|parašė|rašė|rakstīja|va escriure|idatzi du|skrifaði|"
    "写道|寫道|写到|寫到|写了|撰写|書きました|書いた|のメッセージ|のメール|からのメール|님이 작성|작성|작성했습니다|님이 쓴 글|のコメント"
)
# what an attribution begins with, before a date
ON = (
    "on|le|am|an|dem|der|den|el|il|in data|op|em|no dia|a|w dniu|dnia|dne|dňa|în data de|la|το|στις|στο|v|u|vào|pada|"
    "på|den|ons|tis|tirs|il giorno|em dom|em seg|в|on behalf|у|ще|на|el dia|el día|o|ma|ti|ke|to|pe|su|quoting|at|in|citando|zitat von|"
    "цитирую|citát|cytowanie"
)
WEEKDAYS = (
    "mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so|lun|mar|mer|jeu|ven|sam|dim|lunes|martes|miércoles|jueves|viernes|"
    "sábado|domingo|lunedì|martedì|mercoledì|giovedì|venerdì|sabato|domenica|seg|ter|qua|qui|sex|sáb|dom|maandag|dinsdag|"
    "woensdag|donderdag|vrijdag|zaterdag|zondag|пн|вт|ср|чт|пт|сб|вс|понедельник|вторник|среда|четверг|пятница|суббота|"
    "воскресенье|pon|wt|śr|czw|pt|sob|niedz|montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag|mån|tis|ons|tors|fre|lör|sön"
)
# dashes around these words stand above a copied mail
ORIGINAL = (
    "original message|original|original mail|original email|message original|original-nachricht|originalnachricht|ursprüngliche nachricht|"
    "ursprungliche nachricht|urspr\\. nachricht|ursprüngl\\. nachricht|originalmail|message d'origine|message d’origine|"
    "message original|message initial|mensaje original|mensaje de origen|messaggio originale|messaggio inoltrato|mensagem original|"
    "oorspronkelijk bericht|oorspronkelijke bericht|origineel bericht|originele bericht|wiadomość oryginalna|oryginalna wiadomość|"
    "wiadomość pierwotna|исходное сообщение|оригинальное сообщение|пересланное сообщение|пересылаемое сообщение|"
    "початкове повідомлення|оригінальне повідомлення|"
    "originalmeddelande|ursprungligt meddelande|original meddelelse|oprindelig meddelelse|opprinnelig melding|original besked|"
    "alkuperäinen viesti|původní zpráva|původní e-mail|pôvodná správa|eredeti üzenet|orijinal mesaj|orjinal mesaj|özgün ileti|"
    "mesaj original|αρχικό μήνυμα|αρχικο μηνυμα|izvorna poruka|原始邮件|原始郵件|原邮件|原郵件|原始信息|原信息|原始訊息|原文|"
    "邮件原件|转发邮件|轉寄郵件|转发的邮件|回复的原邮件|回复的邮件|元のメッセージ|元のメール|オリジナルメッセージ|転送メッセージ|"
    "원본 메시지|원본 메일|원본메일|원래 메시지|tin nhắn gốc|"
    "forwarded message|forwarded by .{1,40}|reply message|replied message|weitergeleitete nachricht|message transféré|"
    "mensaje reenviado|mensagem encaminhada|doorgestuurd bericht|przekazana wiadomość|wiadomość przekazana|vidarebefordrat meddelande|"
    "videresendt melding|videresendt meddelelse|begin forwarded message|начало переадресованного сообщения|"
    "anfang der weitergeleiteten nachricht|début du message réexpédié|début du message transféré|inicio del mensaje reenviado|"
    "inizio messaggio inoltrato|início da mensagem encaminhada|begin doorgestuurd bericht|前转邮件|下面是被转发的邮件|転送されたメッセージ"
)
# the fields of a copied header, by what they say
FIELDS: dict[str, str] = {
    "from": (
        "from|von|de|da|van|od|от|от кого|від|fra|från|lähettäjä|gönderen|kimden|expéditeur|expediteur|mittente|remitente|remetente|"
        "afzender|absender|feladó|odesílatel|odosielateľ|nadawca|from:|από|发件人|發件人|寄件者|寄件人|发信人|差出人|送信者|보낸 사람|보낸사람|"
        "发送人|từ|dari|saatja"
    ),
    "date": (
        "date|sent|sent at|sent on|gesendet|gesendet am|datum|envoyé|envoye|envoyé le|date d'envoi|enviado|enviado el|enviado em|enviada em|"
        "enviada|fecha|data|data invio|inviato|inviato il|verzonden|verstuurd|wysłano|wysłany|data wysłania|отправлено|дата|"
        "отправленные|надіслано|sendt|dato|skickat|skickad|datum|lähetetty|päivämäärä|päiväys|odesláno|"
        "odoslané|dátum|dňa|elküldve|tarih|gönderildi|gönderme tarihi|trimis|ημερομηνία|στάλθηκε|"
        "时间|发送时间|发送日期|日期|傳送時間|寄件日期|時間|送信日時|日時|日付|날짜|보낸 날짜|đã gửi|ngày|tanggal"
    ),
    "to": (
        "to|an|à|a|para|aan|do|komu|кому|til|till|vastaanottaja|kime|alıcı|destinataire|destinatario|destinatari|destinatário|"
        "empfänger|ontvanger|címzett|către|προς|收件人|收信人|宛先|받는 사람|받는사람|đến|kepada"
    ),
    "cc": "cc|bcc|kopie|copie|copia|cópia|kopia|копия|копія|kopi|dw|в копии|cc:|ccn|cci|抄送|抄送人|副本|ｃｃ|참조|kopio|másolatot kap",
    "subject": (
        "subject|betreff|objet|sujet|oggetto|asunto|assunto|onderwerp|temat|тема|emne|ämne|aihe|konu|předmět|predmet|tárgy|subiect|"
        "θέμα|主题|主題|主旨|标题|標題|件名|題名|제목|chủ đề|perihal|subjek"
    ),
    "reply": (
        "reply-to|reply to|antwort an|répondre à|rispondi a|risposta|responder a|responder para|antwoord aan|beantwoorden|odpowiedz do|"
        "svara till|svar til|回复|返信先|回信|importance|priority|wichtigkeit|priorität|importancia|organization|organisation|attachments|"
        "anlagen|newsgroups|message-id"
    ),
}
# a line that a device or program adds of itself
DEVICE_START = (
    "sent from|sent via|sent with|sent by|sent using|sent on the go|from my|get outlook|get \\[outlook|sent wirelessly|"
    "envoyé depuis|envoyé de mon|envoyé de|envoyé à partir|envoyé avec|envoyé par|télécharger outlook|obtenir outlook|obtenez outlook|"
    "gesendet von|von meinem|von meiner|gesendet mit|gesendet über|gesendet aus|diese nachricht wurde von|outlook für|holen sie sich "
    "outlook|enviado desde|enviado do meu|enviado do|enviado de|enviado com|enviado via|enviado pelo|obtener outlook|obter o outlook|"
    "baixe o outlook|inviato da|inviato dal|inviato con|scarica outlook|ottieni outlook|verzonden met|verzonden vanaf|verstuurd vanaf|"
    "verstuurd met|verzonden via|outlook voor|wysłane z|wysłano z|wysłane przez|pobierz outlook|отправлено с|отправлено из|"
    "послано с|отправлено через|скачайте outlook|получить outlook|надіслано з|sendt fra|sendt med|sendt via|skickat från|skickat med|"
    "skickades från|skaffa outlook|hämta outlook|hent outlook|lähetetty|hanki outlook|odesláno z|odesláno pomocí|odoslané z|"
    "iphone'umdan gönderildi|trimis de pe|στάλθηκε από|αποστολή από|发自|發自|來自我的|从我的|從我的|发送自|获取 outlook|取得 outlook|"
    "iphoneから送信|androidから送信|나의|내 iphone|gửi từ|dikirim dari"
)
DEVICE_END = (
    "gesendet|gesendet\\.|傳送|传送|发送|發送|送信|から送信|から送信されました|보냄|보냈음|에서 보냄|gönderildi|via mobile|from mobile|"
    "from my mobile|from my phone"
)
