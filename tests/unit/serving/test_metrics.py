from __future__ import annotations

import multiprocessing
import os
import re
import signal
import time
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families as families
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from modelkeel.serving import cells
from modelkeel.serving.access import Access
from modelkeel.serving.families import FAMILIES
from modelkeel.serving.gauges import watch_keys, watch_process, watch_service
from modelkeel.serving.metrics import MAX_ROUTES, Metrics, MetricsEndpoint, folder_of
from modelkeel.serving.recorder import Recorder
from modelkeel.serving.state import State

OPEN = "application/openmetrics-text; version=1.0.0"


def samples(text: str) -> dict[tuple[str, str], float]:
    """Value by name and by the values of its labels, in the order of their names."""
    return {
        (sample.name, "/".join(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families(text)
        for sample in family.samples
    }


def text_of(metrics: Metrics) -> str:
    return metrics.render()[0].decode()


def test_requests_are_counted_by_route_and_class_of_status(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    for status, seconds in ((200, 0.0005), (200, 0.003), (422, 0.02), (429, 0.02), (0, 60.0)):
        metrics.request("/predict", status, seconds)
    metrics.request("", 404, 0.001)
    found = samples(text_of(metrics))
    assert found["modelkeel_requests_total", "/predict/2xx"] == 2
    assert found["modelkeel_requests_total", "/predict/4xx"] == 2
    assert found["modelkeel_requests_total", "/predict/none"] == 1
    assert found["modelkeel_requests_total", "unmatched/4xx"] == 1
    assert found["modelkeel_problems_total", "429"] == 1
    assert found["modelkeel_request_seconds_bucket", "0.001//predict"] == 1
    assert found["modelkeel_request_seconds_bucket", "0.005//predict"] == 2
    assert found["modelkeel_request_seconds_bucket", "10.0//predict"] == 4
    assert found["modelkeel_request_seconds_bucket", "+Inf//predict"] == 5
    assert found["modelkeel_request_seconds_count", "/predict"] == 5
    assert found["modelkeel_request_seconds_sum", "/predict"] == pytest.approx(60.0435)


def test_predictions_are_counted_by_version_and_action(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    metrics.predicted("3", ["approve", "decline", "approve"], unusual=1, scores=[0.2, 0.97, 0.05])
    metrics.predicted(None, [None], scores=[250.0], probability=False)
    metrics.recorded(3, 0.004)
    found = samples(text_of(metrics))
    assert found["modelkeel_predictions_total", "approve/3"] == 2
    assert found["modelkeel_predictions_total", "none/none"] == 1
    assert found["modelkeel_unusual_total", "3"] == 1
    assert found["modelkeel_probability_bucket", "0.05/3"] == 1
    assert found["modelkeel_probability_bucket", "0.95/3"] == 2
    assert found["modelkeel_probability_sum", "3"] == pytest.approx(1.22)
    assert found["modelkeel_value_bucket", "300.0/none"] == 1
    assert found["modelkeel_journal_records_total", ""] == 3
    assert found["modelkeel_journal_commit_seconds_count", ""] == 1


def test_labels_are_bounded(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    for number in range(300):
        metrics.request(f"/r{number}", 200 + number, 0.001)
        metrics.predicted("1", [f"a{number}"])
    for number in range(20):
        metrics.predicted(f"v{number}", ["approve"], unusual=1, scores=[0.5])
    found = samples(text_of(metrics))
    requests = [labels for name, labels in found if name == "modelkeel_requests_total"]
    assert len({label.rsplit("/", 1)[0] for label in requests}) == MAX_ROUTES + 1
    assert "other/2xx" in requests
    assert sum(found["modelkeel_requests_total", labels] for labels in requests) == 300
    versions = {
        labels.split("/")[-1] for name, labels in found if name.startswith("modelkeel_pred")
    }
    assert versions == {f"v{number}" for number in range(12, 20)}  # the last eight
    assert found["modelkeel_probability_sum", "v19"] == 0.5


def test_actions_of_a_version_are_bounded(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    metrics.predicted("1", [f"a{number}" for number in range(100)])
    found = samples(text_of(metrics))
    actions = [labels for name, labels in found if name == "modelkeel_predictions_total"]
    assert len(actions) == 17
    assert found["modelkeel_predictions_total", "other/1"] == 84


def test_more_series_than_there_is_room_for_do_no_harm(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    for version in range(8):
        metrics.predicted(f"v{version}", [f"a{number}" for number in range(20)], scores=[0.1])
    for route in range(64):
        for status in (200, 300, 400, 500, 0):
            metrics.request(f"/{route}", status, 0.1)
    assert samples(text_of(metrics))["modelkeel_predictions_total", "a0/v0"] == 1


def test_gauges_counters_and_texts_are_given_by_callbacks(tmp_path: Path) -> None:
    first, second = Metrics(tmp_path), Metrics(tmp_path)
    for metrics, value in ((first, 2.5), (second, 4.0)):
        for reduce in ("sum", "max", "min"):
            metrics.gauge(f"modelkeel_{reduce}", "Help.", lambda v=value: v, reduce)
        metrics.counter("modelkeel_seen", "Help.", lambda v=value: int(v))
    first.info("modelkeel_model", "Help.", lambda: {"name": 'a"b', "version": None})
    text = text_of(first)
    found = samples(text)
    assert [found[f"modelkeel_{name}", ""] for name in ("sum", "max", "min")] == [6.5, 4.0, 2.5]
    assert found["modelkeel_seen_total", ""] == 6
    assert found["modelkeel_workers", ""] == 2
    assert 'modelkeel_model_info{name="a\\"b"} 1.0' in text
    assert re.search(r'modelkeel_build_info\{modelkeel="[^"]+",python="3\.', text)


def test_a_gauge_that_fails_leaves_the_others_alone(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    broken: list[int] = [1]
    metrics.gauge("modelkeel_broken", "Help.", lambda: broken[0])
    metrics.gauge("modelkeel_sound", "Help.", lambda: len(broken))
    broken.clear()
    found = samples(text_of(metrics))
    assert (found["modelkeel_broken", ""], found["modelkeel_sound", ""]) == (1, 0)


def test_text_or_openmetrics_by_accept(tmp_path: Path) -> None:
    endpoint = MetricsEndpoint(Metrics(tmp_path, {"commit": "c0ffee"}))
    client = TestClient(Starlette(routes=[Route(endpoint.route, endpoint, methods=["GET"])]))
    plain = client.get("/metrics", headers={"accept": "*/*"})
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'commit="c0ffee"' in plain.text
    opened = client.get("/metrics", headers={"accept": OPEN})
    assert opened.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert opened.text.endswith("# EOF\n")
    assert {family.name for family in open_families(opened.text)} > {
        "modelkeel_requests",
        "modelkeel_request_seconds",
    }
    assert client.head("/metrics").content == b""


def _count_and_wait(folder: Path, ready: multiprocessing.Event) -> None:  # type: ignore[valid-type]
    metrics = Metrics(folder)
    for _ in range(5):
        metrics.request("/predict", 200, 0.5)
    metrics.gauge("modelkeel_held", "Help.", lambda: 1)
    ready.set()
    time.sleep(60)


def test_workers_add_up_and_the_counts_of_the_dead_stay(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    metrics.request("/predict", 200, 0.5)
    metrics.gauge("modelkeel_held", "Help.", lambda: 1)
    context = multiprocessing.get_context("fork")  # a new process could not import the tests
    workers = []
    for _ in range(2):
        ready = context.Event()
        worker = context.Process(target=_count_and_wait, args=(tmp_path, ready))
        worker.start()
        assert ready.wait(60)
        workers.append(worker)
    try:
        found = samples(text_of(metrics))
        assert found["modelkeel_requests_total", "/predict/2xx"] == 11
        assert (found["modelkeel_workers", ""], found["modelkeel_held", ""]) == (3, 3)
    finally:
        for worker in workers:
            os.kill(worker.pid or 0, signal.SIGKILL)
            worker.join()
    for _ in range(2):  # folded once, not at each reading
        found = samples(text_of(metrics))
        assert found["modelkeel_requests_total", "/predict/2xx"] == 11
        assert found["modelkeel_request_seconds_sum", "/predict"] == 5.5
        assert (found["modelkeel_workers", ""], found["modelkeel_held", ""]) == (1, 1)
    assert len(list(tmp_path.glob("*.cells"))) == 1


def test_killed_while_folding_nothing_counts_twice(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    dead = Metrics(tmp_path)
    dead.request("/predict", 200, 0.5)
    (path,) = (p for p in tmp_path.glob("*.cells") if p != metrics._cells.path)
    kept = path.read_bytes()
    dead._cells.close()
    assert samples(text_of(metrics))["modelkeel_requests_total", "/predict/2xx"] == 1
    path.write_bytes(kept)  # as if it had ended before it deleted the file
    for _ in range(2):
        assert samples(text_of(metrics))["modelkeel_requests_total", "/predict/2xx"] == 1
    assert not path.exists()


@pytest.mark.parametrize(
    "accept",
    [
        "text/plain; version=abc",
        "application/openmetrics-text; version=1.x",
        "application/openmetrics-text; version=9; escaping=\u00fc, text/plain;version=",
        f"text/plain; version=abc, {OPEN}",
    ],
)
def test_an_accept_header_that_means_nothing_gets_the_usual_text(
    tmp_path: Path, accept: str
) -> None:
    metrics = Metrics(tmp_path)
    metrics.request("/predict", 200, 0.5)
    client = TestClient(Starlette(routes=[Route("/metrics", MetricsEndpoint(metrics))]))
    answer = client.get("/metrics", headers={"accept": accept.encode()})
    assert answer.status_code == 200
    assert 'modelkeel_requests_total{route="/predict",status="2xx"} 1.0' in answer.text
    if "abc" in accept:
        assert answer.headers["content-type"].startswith("text/plain")


def test_a_new_start_counts_from_zero(tmp_path: Path) -> None:
    old = Metrics(tmp_path)
    old.request("/predict", 200, 0.5)
    old._cells.close()
    (tmp_path / "1-1.cells").write_bytes(b"cut short")
    assert ("modelkeel_requests_total", "/predict/2xx") not in samples(text_of(Metrics(tmp_path)))
    assert len(list(tmp_path.glob("*.cells"))) == 1


def test_without_a_folder_a_worker_counts_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    metrics = Metrics(tmp_path / "file")
    metrics.request("/predict", 200, 0.5)
    assert samples(text_of(metrics))["modelkeel_requests_total", "/predict/2xx"] == 1
    monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
    assert cells.Cells(tmp_path).folder is None


def test_servers_keep_their_counts_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELKEEL_SERVER", "8001")
    assert folder_of(tmp_path) == tmp_path / "metrics" / "8001"


def test_counting_is_cheap(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    best = 1.0
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(10_000):
            metrics.request("/predict", 200, 0.003)
        best = min(best, time.perf_counter() - started)
    assert best / 10_000 < 5e-6  # 0.4 µs on a quiet machine


def test_the_documentation_lists_every_metric(tmp_path: Path) -> None:
    page = Path(__file__).parents[3].joinpath("docs/how-to/observe.md").read_text()
    table = re.findall(r"^\| `(modelkeel_\w+)` \| (\w+) \| (.*?) \|", page, re.MULTILINE)
    kinds = {"info": "gauge"}
    told = {name: (kinds.get(kind, kind), labels) for name, kind, labels in table}
    metrics = Metrics(tmp_path)
    watch_process(metrics)
    watch_service(metrics, State(None), Recorder(lambda: NotImplemented))
    watch_keys(metrics, Access(None, None, required=False))
    metrics.gauge("modelkeel_requests_running", "By the request log.", lambda: 0)
    shown = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text_of(metrics), re.MULTILINE))
    assert {name: kind for name, (kind, _) in told.items()} == shown
    for name, family in FAMILIES.items():
        _, labels = told.get(name) or told[f"{name}_total"]
        assert tuple(re.findall(r"`(\w+)`", labels)) == family.labels
    queried = re.findall(r"modelkeel_[a-z_]+", page)
    assert {name for name in queried if not name.endswith("_")} <= set(told)
