"""Real mail servers for tests, over loopback: IMAP by pymap, SMTP by aiosmtpd, both from the package index alone."""

import asyncio
import grp
import imaplib
import os
import pwd
import smtplib
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.utils import make_msgid
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.ports import free_port

USER = "mailbox"
PASSWORD = "a password of the tests"
_PYMAP = "import sys; from pymap.main import main; sys.exit(main())"
_STARTING = 90.0


# -- IMAP --------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Mailbox:
    """A mailbox on a server of its own, seen with the standard library's client."""

    port: int
    password: str = PASSWORD
    process: asyncio.subprocess.Process | None = None

    async def end(self) -> None:
        """The server goes, and its port is free."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def deliver(self, *raws: bytes) -> None:
        """Over one connection: this server takes a second for a login."""
        await asyncio.to_thread(self._deliver, raws)

    async def mails(self, folder: str = "INBOX") -> list[bytes]:
        return await asyncio.to_thread(self._mails, folder)

    async def do(self, *command: str) -> Any:
        """Any command on the folder: ("store", "1", "+FLAGS", "(\\Seen)")."""
        return await asyncio.to_thread(self._do, command)

    def _open(self) -> imaplib.IMAP4:
        client = imaplib.IMAP4("127.0.0.1", self.port, timeout=20)
        client.login(USER, self.password)
        return client

    def _deliver(self, raws: Sequence[bytes]) -> None:
        with self._open() as client:
            for raw in raws:
                status, said = client.append("INBOX", "", imaplib.Time2Internaldate(time.time()), raw)
                assert status == "OK", said

    def _mails(self, folder: str) -> list[bytes]:
        with self._open() as client:
            client.select(folder, readonly=True)
            found = client.uid("search", "ALL")[1][0].split()
            return [self._one(client, uid) for uid in found]

    def _one(self, client: imaplib.IMAP4, uid: bytes) -> bytes:
        answer: Any = client.uid("fetch", uid.decode(), "(BODY.PEEK[])")[1]
        return bytes(answer[0][1])

    def _do(self, command: tuple[str, ...]) -> Any:
        with self._open() as client:
            client.select("INBOX")
            return getattr(client, command[0])(*command[1:])


@asynccontextmanager
async def mailbox(*, port: int = 0, password: str = PASSWORD) -> AsyncIterator[Mailbox]:
    """A mailbox that lives while the context is open."""
    port = port or free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PYMAP, "--host", "127.0.0.1", "--port", str(port), "--no-tls",
        "dict", "--demo-data", "--demo-user", USER, "--demo-password", password,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await _answers(port, process)
        box = Mailbox(port, password, process)
        await asyncio.to_thread(_emptied, box)
        yield box
    finally:
        await Mailbox(port, process=process).end()


def _emptied(box: Mailbox) -> None:
    with box._open() as client:
        client.select("INBOX")
        client.store("1:*", "+FLAGS", r"(\Deleted)")
        client.expunge()


async def _answers(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(_STARTING):
        while True:
            assert process.returncode is None, "pymap ended"
            if await _open(port):
                return
            await asyncio.sleep(0.05)


# -- SMTP --------------------------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Taken:
    """A mail as the server took it."""

    sender: str
    recipients: list[str]
    data: bytes

    @property
    def mail(self) -> Message:
        return message_from_bytes(self.data)


@dataclass(slots=True)
class PostOffice:
    """Delivers to the mailboxes it knows; for everybody else it accepts, and reports the failure as a mail."""

    boxes: Mapping[str, Mailbox] = field(default_factory=dict)
    taken: list[Taken] = field(default_factory=list)
    port: int = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        data = envelope.content
        assert isinstance(data, bytes)
        sender = envelope.mail_from or ""
        self.taken.append(Taken(sender=sender, recipients=list(envelope.rcpt_tos), data=data))
        for recipient in envelope.rcpt_tos:
            box = self.box_of(recipient)
            back = self.box_of(sender)
            if box is not None:
                await box.deliver(f"Return-Path: <{sender}>\r\nDelivered-To: {recipient}\r\n".encode() + data)
            elif back is not None:
                await back.deliver(failure(recipient, data, to=sender))
        return "250 2.0.0 taken"

    def box_of(self, address: str) -> Mailbox | None:
        local, _, domain = address.lower().rpartition("@")
        return self.boxes.get(f"{local.partition('+')[0]}@{domain}")

    async def write(self, raw: bytes, *, sender: str, to: str) -> None:
        """What a customer's mail program does."""
        taken = Taken(sender=sender, recipients=[to], data=raw)
        self.taken.append(taken)
        box = self.box_of(to)
        assert box is not None
        await box.deliver(f"Return-Path: <{sender}>\r\nDelivered-To: {to}\r\n".encode() + raw)


def let_in(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and data.login == USER.encode() and data.password == PASSWORD.encode()
    return AuthResult(success=right, handled=right)


@asynccontextmanager
async def post_office(boxes: Mapping[str, Mailbox] | None = None, **how: Any) -> AsyncIterator[PostOffice]:
    """An SMTP server in a thread of its own, while the context is open."""
    office = PostOffice(dict(boxes or {}))
    office.port = free_port()
    controller = Controller(office, hostname="127.0.0.1", port=office.port, **how)
    await asyncio.to_thread(controller.start)
    try:
        yield office
    finally:
        await asyncio.to_thread(controller.stop)


def failure(recipient: str, original: bytes, *, to: str) -> bytes:
    """A delivery report as Postfix writes it."""
    head = original.partition(b"\r\n\r\n")[0].decode("ascii", "replace")
    text = (
        f"From: MAILER-DAEMON@mx.example.test (Mail Delivery System)\nSubject: Undelivered Mail Returned to Sender\n"
        f"To: {to}\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\nMessage-ID: {make_msgid(domain='mx.example.test')}\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b1"\n\n'
        f"--b1\nContent-Type: text/plain\n\n<{recipient}>: host mx said: 550 5.1.1 User unknown\n\n"
        "--b1\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.test\n\n"
        f"Final-Recipient: rfc822; {recipient}\nAction: failed\nStatus: 5.1.1\n"
        "Diagnostic-Code: smtp; 550 5.1.1 User unknown\n\n"
        f"--b1\nContent-Type: text/rfc822-headers\n\n{head}\n\n--b1--\n"
    )
    return b"Return-Path: <>\r\n" + text.replace("\r\n", "\n").replace("\n", "\r\n").encode()


# -- Dovecot, where it is installed ------------------------------------------------------------------------------------

_DOVECOT = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
auth_mechanisms = plain login xoauth2
auth_failure_delay = 1 secs
mail_location = maildir:{folder}/mail
mail_uid = {user}
mail_gid = {group}
first_valid_uid = 1
first_valid_gid = 1
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
passdb {{
  driver = static
  args = password={password}
  mechanisms = plain login
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/oauth.conf
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/mail allow_all_users=yes
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = {port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
"""


@dataclass(slots=True, kw_only=True)
class Dovecot:
    """Over TLS; `authority` is the file with the certificate to trust."""

    port: int
    authority: Path
    inbox: Path

    def deliver(self, raw: bytes, name: str) -> None:
        """As a delivery agent does: written beside, then moved in."""
        made = self.inbox / "tmp" / name
        made.write_bytes(raw)
        made.chmod(0o666)
        made.rename(self.inbox / "new" / name)


@asynccontextmanager
async def dovecot(folder: Path) -> AsyncIterator[Dovecot]:
    """A Dovecot of its own, started by root for somebody without rights, or by oneself for oneself."""
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    authority = trustme.CA()
    served = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    served.private_key_pem.write_to_path(folder / "key.pem")
    (folder / "cert.pem").write_bytes(b"".join(blob.bytes() for blob in served.cert_chain_pems))
    (folder / "oauth.conf").write_text(
        "introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix=/nowhere\n"
    )
    for part in ("cur", "new", "tmp"):
        (folder / "mail" / part).mkdir(parents=True)
    for path in (folder, folder / "mail", *(folder / "mail").iterdir()):
        os.chown(path, user.pw_uid, user.pw_gid)
    port = free_port()
    words = {"user": user.pw_name, "group": grp.getgrgid(user.pw_gid).gr_name, "password": PASSWORD.replace(" ", "")}
    config = folder / "dovecot.conf"
    config.write_text(_DOVECOT.format(folder=folder, port=port, **words))
    process = await asyncio.create_subprocess_exec("dovecot", "-F", "-c", str(config))
    try:
        await _answers(port, process)
        yield Dovecot(port=port, authority=folder / "ca.pem", inbox=folder / "mail")
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


# -- Postfix, where it is installed and may be started -----------------------------------------------------------------

_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example.test
mydestination =
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {folder}
virtual_mailbox_maps = texthash:{folder}/boxes
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_mailbox_limit = 0
recipient_delimiter = +
smtpd_reject_unlisted_recipient = no
smtpd_recipient_restrictions = permit_mynetworks, reject
default_transport = error:5.1.2 no mail leaves this machine
relay_transport = error:5.1.2 no mail leaves this machine
message_size_limit = 30000000
alias_maps =
alias_database =
biff = no
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
"""
_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(slots=True)
class Maildir:
    """A mailbox as files, as a delivery agent leaves them."""

    folder: Path

    async def mails(self) -> list[bytes]:
        found = [path for part in ("new", "cur") for path in (self.folder / part).glob("*")]
        return [path.read_bytes() for path in sorted(found, key=lambda path: path.stat().st_mtime_ns)]


@dataclass(slots=True)
class Postfix:
    """Takes mail for the boxes it knows; for everybody else in its domains it accepts, and reports the failure later."""

    port: int

    async def write(self, raw: bytes, *, sender: str, to: str) -> None:
        """What a customer's mail program does."""
        await asyncio.to_thread(self._write, raw, sender, to)

    def _write(self, raw: bytes, sender: str, to: str) -> None:
        with smtplib.SMTP("127.0.0.1", self.port, timeout=30) as client:
            assert not client.sendmail(sender, [to], raw)


@asynccontextmanager
async def postfix(folder: Path, boxes: Mapping[str, str], user: str) -> AsyncIterator[Postfix]:
    """A Postfix of its own, started by root. `boxes` names the maildir below `folder` of each address; `user` owns them."""
    owner, port = pwd.getpwnam(user), free_port()
    (folder / "boxes").write_text("".join(f"{address} {name}/\n" for address, name in boxes.items()))
    (folder / "queue").mkdir()
    (folder / "data").mkdir()
    os.chown(folder / "data", pwd.getpwnam("postfix").pw_uid, -1)
    for name in boxes.values():
        (folder / name).mkdir(exist_ok=True)
        os.chown(folder / name, owner.pw_uid, owner.pw_gid)
    domains = " ".join(sorted({address.partition("@")[2] for address in boxes}))
    values = {"folder": folder, "domains": domains, "uid": owner.pw_uid, "gid": owner.pw_gid}
    (folder / "main.cf").write_text(_MAIN.format(**values))
    (folder / "master.cf").write_text(_MASTER.format(port=port))
    await _postfix(folder, "start")
    try:
        async with asyncio.timeout(_STARTING):
            while not await _open(port):
                await asyncio.sleep(0.05)
        yield Postfix(port)
    finally:
        await _postfix(folder, "stop")


async def _postfix(folder: Path, what: str) -> None:
    quiet = asyncio.subprocess.DEVNULL
    done = await asyncio.create_subprocess_exec("postfix", "-c", str(folder), what, stdout=quiet, stderr=quiet)
    assert await done.wait() == 0, (folder / "log").read_text()[-2000:] if (folder / "log").exists() else what


async def _open(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
