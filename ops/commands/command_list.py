"""The list of the commands: what `huntgroup --help` lists, in this order."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """One command: the module that runs it, what it does in a line, examples for its help."""

    module: str
    summary: str
    examples: str


COMMANDS = {
    "init": Command(
        "ops.commands.init",
        "write a small configuration that serves, by five questions; or the whole example",
        "huntgroup init\nhuntgroup init --yes --name 'Wallet Support' --languages zh,en --timezone Asia/Shanghai\n"
        "huntgroup init --example config.toml",
    ),
    "serve": Command(
        "ops.commands.serve",
        "run everything in one process: channels, router, desk",
        "huntgroup serve\nhuntgroup serve --listen 127.0.0.1:0 --database sqlite:///try.db",
    ),
    "check": Command(
        "ops.commands.check",
        "read the configuration, print every fault with file and line, run its tests",
        "huntgroup check\nhuntgroup check --strict config.toml",
    ),
    "explain": Command(
        "ops.commands.explain",
        "say what would happen to a message, or what happened to a conversation, and why",
        "huntgroup explain --channel site --text '充值不成功'\n"
        "huntgroup explain --channel site --text 'refund please' --at 2026-11-23T03:00:00+01:00 --set customer.vip=true\n"
        "huntgroup explain --file messages.jsonl --json",
    ),
    "parse": Command(
        "ops.commands.parse",
        "show what raw payloads would become",
        "huntgroup parse webhook payload.json\nhuntgroup parse webhook payload.json --channel app --header webhook-id:msg_1",
    ),
    "rehearse": Command(
        "ops.commands.rehearse",
        "decide stored traffic again under a new file: what would move from where to where",
        "huntgroup rehearse new.toml\nhuntgroup rehearse --since 7d --json new.toml",
    ),
    "report": Command(
        "ops.commands.report",
        "volumes, waits, service level, misroutes and what went wrong: tables, JSON, or a page with charts",
        "huntgroup report\nhuntgroup report --since 30d --timezone Asia/Shanghai --language zh --html report.html\n"
        "huntgroup report --since 2026-11-01T00:00:00+01:00 --until 2026-12-01T00:00:00+01:00 --json",
    ),
    "simulate": Command(
        "ops.commands.simulate",
        "how it would be with other people or other rules: waits and service level over the same arrivals",
        "huntgroup simulate --add-agent languages=de:4,skills=payments:3,hours=berlin\n"
        "huntgroup simulate --since 14d --remove-agent anna@example.com new.toml\n"
        "huntgroup simulate --synthetic 400 --add-agent languages=fr,count=2 --json",
    ),
    "coverage": Command(
        "ops.commands.coverage",
        "who serves each language, issue and channel in each quarter of an hour; the holes",
        "huntgroup coverage\nhuntgroup coverage --days 7 --grid\nhuntgroup coverage --json",
    ),
    "hours": Command(
        "ops.commands.hours",
        "open or close a calendar at once, whatever the file says: override, list, clear",
        "huntgroup hours override berlin closed --until 2h --reason 'the line is cut'\nhuntgroup hours clear berlin",
    ),
    "do-not-call": Command(
        "ops.commands.do_not_call",
        "numbers that are never called: list, add, remove",
        "huntgroup do-not-call add '+49 30 555000199' --reason 'asked for it by mail'\nhuntgroup do-not-call list",
    ),
    "rules": Command(
        "ops.commands.rules",
        "rules on every node: list, diff, activate a file or a revision, rollback",
        "huntgroup rules list\nhuntgroup rules diff REVISION\nhuntgroup rules activate config.toml\nhuntgroup rules apply config.toml --wait\nhuntgroup rules rollback",
    ),
    "agent": Command(
        "ops.commands.agent",
        "the people: add, list, set, disable, token",
        "huntgroup agent add anna@example.com --name 'Anna Vogel' --languages de:5,en:4 --skills payments:4\n"
        "huntgroup agent token anna@example.com",
    ),
    "train": Command(
        "ops.commands.train",
        "learn issues from agents' relabels or a file; use the result unless it is worse",
        "huntgroup train\nhuntgroup train --file labelled.jsonl --dry-run\nhuntgroup train --rollback",
    ),
    "evaluate": Command(
        "ops.commands.evaluate",
        "how good the words and the model in use are on labels",
        "huntgroup evaluate\nhuntgroup evaluate --file labelled.jsonl --json",
    ),
    "quarantine": Command(
        "ops.commands.quarantine",
        "what could not be read: list, show its raw bytes, try again",
        "huntgroup quarantine list\nhuntgroup quarantine show ID",
    ),
    "webhook": Command(
        "ops.commands.webhook",
        "calls of webhooks that nobody has acknowledged, and those that expired: list",
        "huntgroup webhook list\nhuntgroup webhook list --json",
    ),
    "export": Command(
        "ops.commands.export",
        "everything that is known of one customer, with their files, as a zip",
        "huntgroup export 01890a5d-ac96-774b-bcce-b302099a8057\nhuntgroup export hilfe-mail:anna@example.com --out anna.zip",
    ),
    "erase": Command(
        "ops.commands.erase",
        "one customer's words, files, addresses and numbers, gone for good",
        "huntgroup erase 01890a5d-ac96-774b-bcce-b302099a8057\nhuntgroup erase hilfe-mail:anna@example.com --yes --json",
    ),
    "attachments": Command(
        "ops.commands.attachments",
        "copy all files to another folder or to an object store; what is there already is left",
        "huntgroup attachments move s3://bucket/prefix\n"
        "huntgroup attachments move s3://bucket/prefix --from /var/lib/huntgroup/attachments --verify",
    ),
    "migrate": Command("ops.commands.migrate", "bring the database's schema up to date", "huntgroup migrate"),
    "restored": Command(
        "ops.commands.restored",
        "first on a restored database: hold what may have left since the backup",
        "huntgroup restored",
    ),
    "doctor": Command(
        "ops.commands.doctor",
        "say what is fine and what is not, and what to do: database, clock, disk, every channel's credentials",
        "huntgroup doctor\nhuntgroup doctor --channel hilfe-mail\nhuntgroup doctor --json",
    ),
    "demo": Command(
        "ops.commands.demo",
        "a running server with a demo team and simulated customers",
        "huntgroup --config config.example.toml demo",
    ),
}
