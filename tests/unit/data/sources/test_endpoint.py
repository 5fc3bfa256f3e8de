from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from modelkeel.data.sources import Landed
from modelkeel.data.sources import endpoint as reader
from modelkeel.errors import BadInput, KeelError

from .conftest import Answer, Endpoint, page_of, rows

PAGED = {"kind": "http", "records": "data.items", "page_param": "page"}
ALL = [page * 10 + n for page in (1, 2, 3, 4) for n in (1, 2)]
Read = Callable[..., Landed]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "FIRST_WAIT", 0.001)


def ids(landed: Landed) -> list[object]:
    return [row[1] for row in rows(landed)]


def test_pages_by_number(read: Read, endpoint: Endpoint) -> None:
    landed = read(url=f"{endpoint.url}/rows?since=2024&page=9", **PAGED)
    assert ids(landed) == ALL
    assert [row[0] for row in rows(landed)] == list(range(1, 9))
    assert endpoint.asked[0] == "/rows?since=2024&page=1"


def test_a_short_page_is_the_last(read: Read, endpoint: Endpoint) -> None:
    def pages(path: str, query: dict[str, str]) -> Answer:
        page, size = int(query["page"]), int(query["size"])
        return page_of([{"id": n} for n in range(page * size, 7)][:size])

    endpoint.pages = pages
    settings = {**PAGED, "first_page": 0, "page_size": 3, "size_param": "size"}
    assert ids(read(url=endpoint.url + "/", **settings)) == list(range(7))
    assert len(endpoint.asked) == 3


def test_pages_by_link_and_by_cursor(read: Read, endpoint: Endpoint) -> None:
    def linked(path: str, query: dict[str, str]) -> Answer:
        page = int(query.get("p", 1))
        return page_of([{"id": page}], links={"next": f"?p={page + 1}" if page < 3 else None})

    def cursors(path: str, query: dict[str, str]) -> Answer:
        at = query.get("after", "a b&1")
        return page_of([{"id": at}], meta={"cursor": at + "x" if len(at) < 7 else ""})

    endpoint.pages = linked
    http = {"kind": "http", "records": "data.items"}
    assert ids(read(url=endpoint.url + "/l", next="links.next", **http)) == [1, 2, 3]
    endpoint.pages = cursors
    by_cursor = {"cursor": "meta.cursor", "cursor_param": "after"}
    assert ids(read(url=endpoint.url + "/c", **by_cursor, **http)) == ["a b&1", "a b&1x", "a b&1xx"]


def test_a_failure_that_passes_is_tried_again(read: Read, endpoint: Endpoint) -> None:
    endpoint.script = {
        "/?page=2": [(429, {"Retry-After": "0"}, b""), (500, {}, b"oops")],
        "/?page=3": [(503, {"Retry-After": "Mon, 01 Jan 2024 00:00:00 GMT"}, b"")],
    }
    assert ids(read(url=endpoint.url + "/", **PAGED)) == ALL
    assert endpoint.asked.count("/?page=2") == 3


def test_a_failure_that_stays_keeps_what_was_read(
    read: Read, endpoint: Endpoint, tmp_path: Path
) -> None:
    endpoint.script = {"/?page=3": [(500, {}, b"")] * 2}
    settings = {**PAGED, "url": endpoint.url + "/", "retries": 1}
    with pytest.raises(KeelError, match=r"page 3: answers 500 .*, 2 times") as found:
        read(**settings)
    assert found.value.exit_code == 1
    assert "goes on from there" in found.value.remedy
    assert not (tmp_path / "work" / "table.parquet").exists()
    endpoint.asked.clear()
    assert ids(read(**settings)) == ALL
    assert endpoint.asked[0] == "/?page=3"


@pytest.mark.parametrize("body", [b"<html>Service moved", b'{"data": {"items": [{"id": 1', b"\xff"])
def test_garbage_half_way(read: Read, endpoint: Endpoint, body: bytes) -> None:
    endpoint.script = {"/?page=2": [(200, {}, body)]}
    with pytest.raises(BadInput, match="page 2: is no JSON; it begins") as found:
        read(url=endpoint.url + "/", **PAGED)
    assert "goes on from there" in found.value.remedy
    endpoint.asked.clear()
    assert ids(read(url=endpoint.url + "/", **PAGED)) == ALL
    assert endpoint.asked[0] == "/?page=2"


def test_an_answer_that_is_cut_off_is_tried_again(read: Read, endpoint: Endpoint) -> None:
    endpoint.script = {"/?page=2": [(200, {"Content-Length": "9999"}, b"{")]}
    settings = {**PAGED, "timeout": 0.5}
    assert ids(read(url=endpoint.url + "/", **settings)) == ALL


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (page_of({"id": 1}), r"has no list at 'data.items'; it has: data"),
        (page_of([1]), r"record 1 is no object"),
        ((200, {}, b"[]"), r"has no list at 'data.items'; it has: list"),
        ((401, {}, b""), r"answers 401"),
        ((302, {"Location": "http://127.0.0.1:1/"}, b""), r"answers 302"),
        ((404, {}, b""), r"answers 404"),
    ],
)
def test_an_answer_that_is_not_as_declared(
    read: Read, endpoint: Endpoint, answer: Answer, said: str
) -> None:
    endpoint.script = {"/?page=1": [answer]}
    with pytest.raises(BadInput, match=said) as found:
        read(url=endpoint.url + "/", **PAGED)
    assert found.value.remedy
    assert len(endpoint.asked) == 1


def test_a_long_wait_is_not_sat_through(read: Read, endpoint: Endpoint) -> None:
    endpoint.script = {"/?page=2": [(429, {"Retry-After": "3600"}, b"")]}
    with pytest.raises(KeelError, match="asks to wait 3600 s"):
        read(url=endpoint.url + "/", **PAGED)


def test_pages_that_never_end(read: Read, endpoint: Endpoint) -> None:
    endpoint.pages = lambda path, query: page_of([{"id": 1}], next="/")
    http = {"kind": "http", "records": "data.items"}
    with pytest.raises(BadInput, match="leads back to a page that was read"):
        read(url=endpoint.url + "/", next="next", **http)
    with pytest.raises(BadInput, match="the endpoint ignores 'page'"):
        read(url=endpoint.url + "/", **PAGED)


def test_the_secret_is_sent_and_kept_nowhere(
    read: Read, endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"Authorization": "Bearer ${KEEL_TEST_TOKEN}"}
    settings = {**PAGED, "url": endpoint.url + "/?key=${KEEL_TEST_TOKEN}", "headers": headers}
    with pytest.raises(BadInput, match="the environment variable KEEL_TEST_TOKEN is not set"):
        read(**settings)
    monkeypatch.setenv("KEEL_TEST_TOKEN", "s3cret-value")
    read(**settings)
    assert endpoint.headers[0]["Authorization"] == "Bearer s3cret-value"
    assert endpoint.asked[0] == "/?key=s3cret-value&page=1"
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if b"s3cret-value" in path.read_bytes()]


def test_headers_go_to_no_other_server(read: Read, endpoint: Endpoint) -> None:
    endpoint.pages = lambda path, query: page_of([{"id": 1}], next="http://127.0.0.1:1/x")
    with pytest.raises(BadInput, match=r"leads to another server, http://127.0.0.1:1"):
        read(url=endpoint.url + "/", kind="http", records="data.items", next="next")


def test_an_answer_names_no_variable_of_ours(
    read: Read, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEEL_TEST_TOKEN", "s3cret-value")
    links = iter(["/?x=${KEEL_TEST_TOKEN}", None])
    endpoint.pages = lambda path, query: page_of([{"id": 1}], next=next(links))
    read(url=endpoint.url + "/", kind="http", records="data.items", next="next")
    assert "s3cret" not in json.dumps(endpoint.asked)


def test_no_server(read: Read) -> None:
    with pytest.raises(KeelError, match="page 1: ConnectError"):
        read(url="http://127.0.0.1:1/", kind="http", retries=0)
