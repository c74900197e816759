"""Parts that are files: named harmlessly, typed by their bytes. Pure."""

from channels import file_types as media
from channels.email.mime import headers
from channels.email.mime import part_tree as mime
from channels.email.mime.parsed_mail import File
from channels.email.mime.part_tree import Part

MOST = 50
_HEAD = 512

# for parts without a name: what to call them
_NAMES = {
    "text/calendar": "invite.ics",
    "application/ics": "invite.ics",
    "application/pkcs7-signature": "smime.p7s",
    "application/x-pkcs7-signature": "smime.p7s",
    "application/pkcs7-mime": "smime.p7m",
    "application/x-pkcs7-mime": "smime.p7m",
    "application/pgp-signature": "signature.asc",
    "application/pgp-encrypted": "version.txt",
    "application/ms-tnef": "winmail.dat",
    "application/vnd.ms-tnef": "winmail.dat",
    "message/delivery-status": "delivery-status.txt",
    "message/disposition-notification": "disposition-notification.txt",
    "message/feedback-report": "feedback-report.txt",
    "text/rfc822-headers": "headers.txt",
    "text/html": "page.html",
    "text/plain": "text.txt",
    "text/vcard": "contact.vcf",
    "text/x-vcard": "contact.vcf",
    "text/csv": "table.csv",
    "application/pdf": "document.pdf",
    "image/jpeg": "image.jpg",
    "image/png": "image.png",
    "image/gif": "image.gif",
    "image/webp": "image.webp",
    "audio/mpeg": "audio.mp3",
    "video/mp4": "video.mp4",
    "application/zip": "archive.zip",
}
# types that the bytes alone do not show, and that no browser would run
_BELIEVED = {
    "text/calendar", "application/ics", "text/csv", "text/vcard", "text/x-vcard", "message/rfc822", "application/ms-tnef",
    "application/pkcs7-signature", "application/x-pkcs7-signature", "application/pkcs7-mime", "application/x-pkcs7-mime",
    "application/pgp-signature", "application/pgp-encrypted", "application/pgp-keys", "message/delivery-status", "text/rfc822-headers",
    "message/disposition-notification", "message/feedback-report", "application/msword", "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint", "application/rtf", "application/json", "audio/amr", "image/bmp", "image/tiff",
}  # fmt: skip
_PACKED = (
    "application/vnd.openxmlformats-officedocument.",
    "application/vnd.oasis.opendocument.",
    "application/epub+zip",
)


def of(part: Part) -> File:
    """One part as a file."""
    data = mime.transferred(part.body, part.headers.raw("content-transfer-encoding"))
    declared = part.type
    cid = part.cid
    inline = declared.startswith("image/") and (
        part.disposition == "inline" or (cid is not None and part.disposition != "attachment")
    )
    return File(
        name=_name(part, data), type=_type(declared, data), declared=declared, data=data, inline=inline, cid=cid
    )


def plain(name: str, declared: str, data: bytes) -> File:
    """Bytes that are no part of their own: out of a text, or the whole mail."""
    return File(name=media.safe_name(name), type=_type(declared, data), declared=declared, data=data)


def _name(part: Part, data: bytes) -> str:
    written = part.file_name
    if written:
        return media.safe_name(written)
    if part.type == "message/rfc822":
        fields, _ = headers.read(mime.split(data[: mime.LARGEST_HEADER])[0])
        return media.safe_name(f"{fields.text('subject')[:80].replace('.', ' ') or 'message'}.eml")
    return _NAMES.get(part.type, media.UNNAMED)


def _type(declared: str, data: bytes) -> str:
    """The type that the bytes show. The sender is believed only for types that nothing runs and the bytes do not contradict."""
    if declared in _BELIEVED:
        return declared
    detected = media.type_of(data[:_HEAD])
    if detected == "application/zip" and declared.startswith(_PACKED):
        return declared
    return detected
