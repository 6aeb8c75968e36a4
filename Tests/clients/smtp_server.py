"""An SMTP server for tests: aiosmtpd with STARTTLS or TLS and logins. Keeps what it takes as numbered files.

Prints its port once it listens.
"""

import argparse
import asyncio
import json
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


class Keeper:
    def __init__(self, folder):
        self.folder = folder
        self.count = 0

    async def handle_DATA(self, server, session, envelope):
        self.count += 1
        name = f"{self.count:05}"
        (self.folder / f"{name}.json").write_text(
            json.dumps(
                {
                    "from": envelope.mail_from,
                    "to": envelope.rcpt_tos,
                    "tls": session.ssl is not None,
                    "login": session.auth_data.login.decode() if session.auth_data else None,
                    "mechanism": getattr(session, "mechanism", None),
                    "utf8": envelope.smtp_utf8,
                }
            )
        )
        (self.folder / f"{name}.eml").write_bytes(envelope.original_content)
        return f"250 2.0.0 OK {name}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--implicit-tls", action="store_true")
    parser.add_argument("--login", help="user:password that must be given")
    parser.add_argument("--without", action="append", default=[], help="a login mechanism not to offer")
    options = parser.parse_args()

    context = None
    if options.certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.certificate, options.key)

    def authenticate(server, session, envelope, mechanism, data):
        user, password = options.login.split(":", 1)
        right = isinstance(data, LoginPassword) and data.login == user.encode() and data.password == password.encode()
        session.mechanism = mechanism
        return AuthResult(success=right, handled=right, auth_data=data if right else None)

    starttls = None if options.implicit_tls else context

    def protocol():
        return SMTP(
            keeper,
            enable_SMTPUTF8=True,
            tls_context=starttls,
            require_starttls=starttls is not None,
            auth_required=options.login is not None,
            # Under TLS from the start the library does not see that there is TLS.
            auth_require_tls=starttls is not None,
            authenticator=authenticate if options.login else None,
            auth_exclude_mechanism=options.without,
            ident="test",
            loop=loop,
        )

    loop = asyncio.new_event_loop()
    keeper = Keeper(options.folder)
    server = loop.run_until_complete(
        loop.create_server(protocol, "127.0.0.1", 0, ssl=context if options.implicit_tls else None)
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    # Ends with its parent.
    loop.run_in_executor(None, sys.stdin.read).add_done_callback(lambda _: loop.stop())
    loop.run_forever()


main()
