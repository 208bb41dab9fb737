"""Which hosts matter: those of the catalogue's services, and those that look like one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.hostname import normalise_host
from streams.hosts import Endpoint
from streams.inputs.importers.lines import Lines
from streams.inputs.importers.watch import Watch, slips
from tests.streams.searches import catalogue
from tests.support.imports import shipped_watch

WATCH = shipped_watch()


@pytest.mark.parametrize(
    ("host", "provider", "look_alike"),
    [
        ("app.clearview.ai", "clearview-ai", False),
        ("deep.below.app.clearview.ai", "clearview-ai", False),
        ("clearview.ai.example.com", "clearview-ai", True),
        ("notclearview.ai", "clearview-ai", True),
        ("clearview-app.example", "clearview-ai", True),
        ("c1earview.ai", "clearview-ai", True),
        ("cleervievv.example", None, None),
        ("clear-view.example", "clearview-ai", True),
        ("clarview.example", "clearview-ai", True),
        ("claerview.example", "clearview-ai", True),
        ("pirneyes.com", "pimeyes", True),
        ("clear.view.example", None, None),
        ("example.org", None, None),
        ("10.0.0.1", None, None),
        ("flocksafety.com", None, None),
    ],
)
def test_hosts_that_matter(host: str, provider: str | None, look_alike: bool | None) -> None:
    verdict = WATCH.judge(Endpoint(host, "/"))
    assert (verdict and verdict.provider_id, verdict and verdict.look_alike) == (provider, look_alike)


def test_a_public_page_is_told_by_its_path() -> None:
    for path, public in (("/help", True), ("/help/x", True), ("/helpx", False), ("/", False)):
        verdict = WATCH.judge(Endpoint("app.clearview.ai", path))
        assert verdict is not None
        assert verdict.public == public


def test_a_service_that_is_no_face_recognition_is_not_watched() -> None:
    watch = Watch(catalogue())
    assert watch.judge(Endpoint("plates.example", "/")) is None
    assert watch.judge(Endpoint("lacris.example", "/")) is not None


HOSTS = sorted({*WATCH._hosts, *WATCH._slips, *(f"x{name}y.example" for name in WATCH._names)})


@settings(derandomize=True, deadline=None)
@given(st.lists(st.sampled_from(HOSTS) | st.from_regex(r"[a-z0-9.%-]{1,20}", fullmatch=True), max_size=12))
def test_no_line_with_a_host_that_matters_is_left_out_of_the_fast_look(hosts: list[str]) -> None:
    lines = Lines("".join(f"1 GET http://{host.upper()}/x -\n" for host in hosts).encode())
    matter = [
        row
        for row, host in enumerate(hosts)
        if (plain := normalise_host(host)) and WATCH.judge(Endpoint(plain, "/")) is not None
    ]
    assert set(matter) <= set(WATCH.rows(lines))


@given(st.from_regex(r"[a-z]{7,12}", fullmatch=True))
@settings(derandomize=True, deadline=None)
def test_a_slip_is_never_the_name_itself_nor_holds_it(name: str) -> None:
    assert all(name not in slip for slip in slips(name))
