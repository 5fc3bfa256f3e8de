"""Rows of an HTTP endpoint that answers JSON, page by page; a run that stops goes on."""

from __future__ import annotations

import email.utils
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from modelkeel.data.sources.environment import expand, scrub
from modelkeel.data.sources.landing import Landing, open_landing
from modelkeel.data.sources.records import frame_of, parse_json
from modelkeel.errors import BadInput, KeelError
from modelkeel.records.sources import Source

if TYPE_CHECKING:
    import httpx2

MAX_ANSWER = 256 << 20
"""The largest answer that is read, in bytes."""

FIRST_WAIT, LONGEST_WAIT = 0.5, 120.0
"""Seconds before the second try, doubled each time; and the most that `Retry-After` may ask."""

_AGAIN = {408, 425, 429, 500, 502, 503, 504}
_KEEP_ROWS, _KEEP_SECONDS = 20_000, 30.0
_STALE_SECONDS = 24 * 3600
_GOES_ON = "run the same command again: what was read is kept, it goes on from there"


@dataclass
class _Pages:
    """Where the reading stands."""

    source: Source
    shown: str
    url: str | None
    number: int = 1
    seen: set[str] = field(default_factory=set)
    body: bytes = b""


def land_http(source: Source, folder: Path, shown: str) -> Landing:
    """Read all pages into the landing folder.

    A page that fails for a while is asked for again. Rows are kept every so often and whenever
    the reading stops; the next run within a day goes on from there.

    Raises:
        BadInput: an answer is no JSON, has no list of objects, or pages go round in a circle.
        KeelError: the endpoint does not answer, or not in time.
    """
    import httpx2

    settings = source.model_dump(exclude={"name", "rename", "join", "timeout", "retries"})
    landing = open_landing(folder, settings)
    if time.time() - landing.begun > _STALE_SECONDS:
        landing.clear()
    if landing.complete:
        return landing
    pages = _Pages(source, shown, landing.progress.get("next", source.url))
    pages.number = landing.progress.get("page", 1)
    headers = {name: expand(value, shown) for name, value in source.headers.items()}
    kept: list[dict[str, Any]] = []
    since = time.monotonic()
    try:
        with httpx2.Client(headers=headers, timeout=source.timeout) as client:
            for records in _walk(client, pages):
                kept += records
                if len(kept) >= _KEEP_ROWS or time.monotonic() - since > _KEEP_SECONDS:
                    kept, rows = [], kept
                    _keep(landing, rows, pages)
                    since = time.monotonic()
    finally:
        _keep(landing, kept, pages)
    return landing


def _keep(landing: Landing, records: list[dict[str, Any]], pages: _Pages) -> None:
    frame = frame_of(records, pages.shown) if records else None
    progress = {"next": pages.url, "page": pages.number}
    landing.add(frame, progress, complete=pages.url is None)


def _walk(client: httpx2.Client, pages: _Pages) -> Iterator[list[dict[str, Any]]]:
    """The records of each page; `pages` has moved on to the next one when they are given."""
    source = pages.source
    if pages.url == source.url:
        pages.url = _with(source.url, _first_parameters(source))
    while pages.url is not None:
        where = f"{pages.shown}: page {pages.number}"
        body = _fetch(client, pages.url, source, where)
        if body == pages.body and source.page_param:
            raise BadInput(
                f"{where}: is the same as the one before: the endpoint ignores "
                f"{source.page_param!r}",
                remedy="correct `page_param` of the source in params.yaml, or leave it out",
            )
        answer, pages.body = _parse(body, where), body
        records = _records(answer, source.records, where)
        pages.seen.add(pages.url)
        pages.url = _next(answer, records, pages, where)
        if pages.url in pages.seen:
            raise BadInput(
                f"{where}: leads back to a page that was read",
                remedy="correct `next` or `cursor` of the source, or mend the endpoint",
            )
        pages.number += 1
        if records:
            yield records


def _first_parameters(source: Source) -> dict[str, object]:
    parameters: dict[str, object] = {}
    if source.page_param:
        parameters[source.page_param] = source.first_page
    if source.size_param and source.page_size:
        parameters[source.size_param] = source.page_size
    return parameters


def _next(answer: Any, records: list[dict[str, Any]], pages: _Pages, where: str) -> str | None:
    """The next page's URL; None after the last."""
    source, here = pages.source, str(pages.url)
    if source.page_param:
        if not records or (source.page_size is not None and len(records) < source.page_size):
            return None
        return _with(here, {source.page_param: source.first_page + pages.number})
    if source.cursor:
        cursor = _at(answer, source.cursor)
        return None if cursor in (None, "", False) else _with(here, {source.cursor_param: cursor})
    if not source.next or not (link := _at(answer, source.next)):
        return None
    # An answer must not name a variable for us to fill in.
    following = urljoin(expand(here, where), str(link)).replace("${", "%24%7B")
    if _origin(following) != _origin(expand(str(source.url), where)):
        raise BadInput(
            f"{where}: {source.next} leads to another server, {_origin(following)}",
            remedy="the headers are not sent there; name that server in `url` if it is right",
        )
    return following


def _fetch(client: httpx2.Client, url: str, source: Source, where: str) -> bytes:
    import httpx2

    problem = ""
    for attempt in range(source.retries + 1):
        wait = FIRST_WAIT * 2**attempt * random.uniform(0.75, 1.25)  # noqa: S311 - spreads load
        try:
            with client.stream("GET", expand(url, where)) as answer:
                if answer.status_code == 200:
                    return _body(answer, where)
                problem = f"answers {answer.status_code} {answer.reason_phrase}".rstrip()
                if answer.status_code not in _AGAIN:
                    raise _refusal(answer, problem, where)
                wait = _asked_wait(answer.headers.get("Retry-After"), wait)
        except httpx2.TransportError as error:
            problem = f"{type(error).__name__}: {scrub(error, url)}".rstrip(": ")
        except (httpx2.InvalidURL, UnicodeError) as error:
            raise BadInput(
                f"{where}: {scrub(error, url)}", remedy="correct `url` of the source"
            ) from None
        if wait > LONGEST_WAIT:
            raise KeelError(
                f"{where}: {problem} and asks to wait {wait:.0f} s",
                remedy=f"wait that long, then {_GOES_ON}",
            )
        if attempt < source.retries:
            time.sleep(wait)
    raise KeelError(f"{where}: {problem}, {source.retries + 1} times", remedy=_GOES_ON)


def _body(answer: httpx2.Response, where: str) -> bytes:
    parts, size = [], 0
    for part in answer.iter_bytes():
        size += len(part)
        if size > MAX_ANSWER:
            raise BadInput(
                f"{where}: is larger than {MAX_ANSWER >> 20} MiB",
                remedy="ask for smaller pages: page_param, size_param, page_size",
            )
        parts.append(part)
    return b"".join(parts)


def _refusal(answer: httpx2.Response, problem: str, where: str) -> BadInput:
    if answer.status_code in (401, 403):
        remedy = 'check `headers` of the source and its variables: Authorization: "Bearer ${TOKEN}"'
    elif answer.is_redirect:
        remedy = "write the address it leads to as `url` of the source"
    else:
        remedy = "correct `url` of the source in params.yaml"
    return BadInput(f"{where}: {problem}", remedy=remedy)


def _asked_wait(header: str | None, otherwise: float) -> float:
    """Seconds that `Retry-After` asks for, given as seconds or as a date."""
    if not header:
        return otherwise
    if header.strip().isdecimal():
        return float(header)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return otherwise


def _parse(body: bytes, where: str) -> Any:
    try:
        return parse_json(body)
    except (ValueError, RecursionError):
        start = body[:60].decode("utf-8", errors="replace")
        raise BadInput(
            f"{where}: is no JSON; it begins {start!r}",
            remedy=f"see what the endpoint answers; then {_GOES_ON}",
        ) from None


def _records(answer: Any, path: str, where: str) -> list[dict[str, Any]]:
    found = _at(answer, path) if path else answer
    if not isinstance(found, list):
        has = ", ".join(answer) if isinstance(answer, dict) else type(answer).__name__
        raise BadInput(
            f"{where}: has no list at {path or 'its top'!r}; it has: {has}"[:400],
            remedy="write the dotted path to the list as `records` of the source",
        )
    for row, record in enumerate(found, 1):
        if not isinstance(record, dict):
            raise BadInput(
                f"{where}: record {row} is no object", remedy="correct `records` of the source"
            )
    return found


def _at(answer: Any, path: str) -> Any:
    for key in path.split("."):
        if isinstance(answer, list) and key.isdecimal() and int(key) < len(answer):
            answer = answer[int(key)]
        else:
            answer = answer.get(key) if isinstance(answer, dict) else None
    return answer


def _with(url: str | None, parameters: dict[str, object]) -> str:
    """The URL with these query parameters; `${VARIABLE}` stays in the others alone."""
    parts = urlsplit(str(url))
    kept = [(k, v) for k, v in parse_qsl(parts.query, True) if k not in parameters]
    given = urlencode({name: str(value) for name, value in parameters.items()})
    query = "&".join(text for text in (urlencode(kept, safe="${}"), given) if text)
    return parts._replace(query=query).geturl()


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
