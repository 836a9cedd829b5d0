"""Who asks over HTTP gets bytes that are there already."""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from numafit import __version__
from numafit.serving.cache import Cache
from numafit.serving.families import CONTENT_TYPE

PATH = "/metrics"
SECONDS = 10
"""After which a client that says nothing, or reads nothing, is left alone."""
_INDEX = f'<!doctype html><title>numafit</title><a href="{PATH}">{PATH}</a>\n'.encode()


class Server(ThreadingHTTPServer):
    """Hands out the texts of a cache. ``host``: an address or a name of this machine, ``""`` for
    all of its addresses. Raises OSError where it cannot be listened on."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, host: str, port: int, cache: Cache) -> None:
        self.cache = cache
        self._every = not host
        every = "::" if socket.has_dualstack_ipv6() else "0.0.0.0"
        found = socket.getaddrinfo(host or every, port, type=socket.SOCK_STREAM)
        self.address_family = found[0][0]
        address = found[0][4]
        super().__init__((str(address[0]), int(address[1])), _Handler)

    def server_bind(self) -> None:
        # the base class asks the resolver for the host's name, which may take long
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self._every and self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = host_and_port(self.server_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    server_version = f"numafit/{__version__}"
    sys_version = ""
    timeout = SECONDS

    def do_GET(self) -> None:
        self._answer(True)

    def do_HEAD(self) -> None:
        self._answer(False)

    def _answer(self, body: bool) -> None:
        path, cache = self.path.partition("?")[0], self.server.cache
        if path == "/":
            self._send([_INDEX], "text/html; charset=utf-8", body)
        elif path != PATH:
            self.send_error(HTTPStatus.NOT_FOUND)
        elif takes_gzip(self.headers.get("Accept-Encoding", "")):
            self._send(cache.gzipped(), CONTENT_TYPE, body, "gzip")
        else:
            self._send(cache.plain(), CONTENT_TYPE, body)

    def _send(self, content: list[bytes], kind: str, body: bool, encoding: str = "") -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(sum(map(len, content))))
        self.send_header("Vary", "Accept-Encoding")
        if encoding:
            self.send_header("Content-Encoding", encoding)
        self.end_headers()
        if body:
            with suppress(OSError):
                for piece in content:
                    self.wfile.write(piece)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Scrapes are no news."""


def takes_gzip(accepted: str) -> bool:
    """By a header ``Accept-Encoding``: is gzip named, and not with a weight of 0?"""
    for part in accepted.lower().split(","):
        name, _mark, rest = part.partition(";")
        if name.strip() in ("gzip", "*"):
            return not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", rest)
    return False


def address_of(text: str) -> tuple[str, int]:
    """``ADDRESS:PORT``, ``[ADDRESS]:PORT`` or ``:PORT``, which is every address; ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 0xFFFF:
        raise ValueError(text)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(text)
    return host, int(port)


def host_and_port(address: Any) -> tuple[str, int]:
    """Of a socket's address, which with IPv6 has more."""
    return str(address[0]), int(address[1])


def url_of(server: Server) -> str:
    host, port = host_and_port(server.server_address)
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}{PATH}"
