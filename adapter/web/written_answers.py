"""Write an answer as uvicorn would, where the bytes come in and no application is asked."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from adapter.web.head_rules import HeaderLines
from adapter.web.intake import CLOSE, STRICT_TRANSPORT, Answer


def written(answer: Answer, usual: HeaderLines, *, is_https: bool, keep_alive: bool) -> bytes:
    """Give the bytes of a response; `usual` are the headers of every response."""
    lines = [*usual, *answer.headers, (b"content-length", b"%d" % len(answer.body))]
    if is_https:
        lines.append(STRICT_TRANSPORT)
    if not keep_alive and CLOSE not in answer.headers:
        lines.append(CLOSE)
    head = b"".join(b"%b: %b\r\n" % line for line in lines)
    return b"%b%b\r\n%b" % (STATUS_LINE[answer.status], head, answer.body)
