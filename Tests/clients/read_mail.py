"""Reads every *.eml of a folder with two parsers and verifies its DKIM signatures; prints what was found as JSON.

The folder's dns.json has the TXT records that verification may look up.
"""

import base64
import email
import email.header
import email.policy
import email.utils
import json
import pathlib
import sys

import dkim
import mailparser


def readable(value):
    """The same with raw UTF-8 of headers as text: the parser keeps its octets as lone surrogates."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if isinstance(value, dict):
        return {key: readable(item) for key, item in value.items()}
    return [readable(item) for item in value] if isinstance(value, (list, tuple)) else value


def by_standard_library(raw):
    message = email.message_from_bytes(raw, policy=email.policy.default)
    defects = [str(defect) for part in message.walk() for defect in part.defects]
    defects += [str(defect) for value in message.values() for defect in getattr(value, "defects", [])]

    def mailboxes(name):
        field = message[name]
        return [[a.display_name, a.addr_spec] for a in field.addresses] if field else []

    def text(kind):
        part = message.get_body((kind,))
        return part.get_content() if part else None

    attachments = []
    for part in message.walk():
        name = part.get_filename()
        if name is not None:
            attachments.append(
                {
                    "name": name,
                    "type": part.get_content_type(),
                    "bytes": base64.b64encode(part.get_payload(decode=True)).decode(),
                    "contentId": part["Content-ID"],
                }
            )
    # The newer parser keeps the space between two encoded words of a name, which RFC 2047, section 6.2, drops.
    plain = email.message_from_bytes(raw)
    name, _ = email.utils.parseaddr("".join(str(plain["From"]).splitlines()))
    return {
        "fromName": str(email.header.make_header(email.header.decode_header(name))),
        "subject": message["Subject"],
        "from": mailboxes("From"),
        "to": mailboxes("To"),
        "cc": mailboxes("Cc"),
        "replyTo": mailboxes("Reply-To"),
        "date": email.utils.parsedate_to_datetime(message["Date"]).timestamp(),
        "text": text("plain"),
        "html": text("html"),
        "attachments": attachments,
        "type": message.get_content_type(),
        "defects": defects,
        "headers": [[name, str(value)] for name, value in message.items()],
    }


def by_mail_parser(raw):
    message = mailparser.parse_from_bytes(raw)
    return {
        "subject": message.subject,
        "from": [list(pair) for pair in message.from_],
        "to": [list(pair) for pair in message.to],
        "text": "".join(message.text_plain),
        "html": "".join(message.text_html),
        "attachments": [a["filename"] for a in message.attachments],
        "defects": sorted(message.defects_categories),
    }


def main():
    folder = pathlib.Path(sys.argv[1])
    records = json.loads((folder / "dns.json").read_text())

    def lookup(name, timeout=5):
        return records.get(name.decode().rstrip("."), "").encode() or None

    found = {}
    for file in sorted(folder.glob("*.eml")):
        raw = file.read_bytes()
        count = sum(1 for name, _ in dkim.rfc822_parse(raw)[0] if name.lower() == b"dkim-signature")
        verified = []
        for index in range(count):
            try:
                verified.append(dkim.DKIM(raw).verify(idx=index, dnsfunc=lookup))
            except dkim.DKIMException as error:
                verified.append(str(error))
        found[file.stem] = {
            "standard": by_standard_library(raw),
            "mailParser": by_mail_parser(raw),
            "dkim": verified,
            "longestLine": max(len(line) for line in raw.split(b"\r\n")),
            "bareLineEnds": raw.replace(b"\r\n", b"").count(b"\n") + raw.replace(b"\r\n", b"").count(b"\r"),
            "eightBit": any(byte > 127 for byte in raw),
        }
    print(json.dumps(readable(found)))


main()
