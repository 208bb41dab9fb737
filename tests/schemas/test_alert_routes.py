from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.agencies import load_agencies, parse_agencies
from schemas.alert_routes import Routes, collect_routes, load_routes
from schemas.settings import Settings
from schemas.spans import DAYS, Hours
from schemas.yaml_file import Faults, Source

AGENCIES = parse_agencies([Source("a.yaml", "agencies: [{id: lapd, name: LAPD}, {id: lasd, name: LASD}]")])
POLICIES = {"lapd-fr": ["commercial-service"], "statewide": ["unlisted-service"]}
WHOLE = """
destinations:
  oversight: {kind: webhook, url: https://hooks.example/x, secret_env: HOOK_SECRET, timeout: 5s}
  chat: {kind: apprise, url_env: CHAT_URL}
routes:
  - name: lapd
    match: {agency: lapd, policy: lapd-fr, rule: commercial-service, severity: HIGH}
    quiet_hours: {from: "22:00", until: "06:00", timezone: America/Los_Angeles}
    window: 30m
    to: oversight
    escalate: {after: 10m, to: chat}
"""


def read(text: str) -> tuple[Routes, list[str]]:
    faults = Faults()
    routes = collect_routes([Source("r.yaml", text)], AGENCIES, POLICIES, faults)
    return routes, [str(fault) for fault in faults.told()]


def test_a_route_says_who_is_told_of_what() -> None:
    routes, faults = read(WHOLE)
    assert faults == []
    (route,) = routes.routes
    assert (route.match.agency, route.to, route.window) == (("lapd",), ("oversight",), timedelta(minutes=30))
    assert route.group_by == ("officer", "rule_id")
    assert route.escalate[0].to == ("chat",)
    assert routes.destinations["oversight"].timeout == timedelta(seconds=5)


def test_every_fault_is_told_at_once_with_its_place() -> None:
    _, faults = read(
        """
destinations:
  oversight: {kind: webhook, url: https://hooks.example/x, secret: hunter2, colour: red}
  chat: {kind: apprise, url: "slack://hunter2/hunter2/hunter2"}
  pager: {kind: webhook, url: "https://me:hunter2@hooks.example/x?token=hunter2", secret_env: S}
  Bad Name: {kind: apprise, url_env: X}
routes:
  - {name: a, match: {agency: LAPD, policy: nope, rule: nope}, to: nobody, windo: 1h}
  - {name: b, match: {agency: lapd-2, policy: [lapd-fr, nope], rule: unlisted-service}, to: nobody}
  - {name: b, match: {severity: SEVERE}, to: oversight, window: 90, escalate: {after: 0s, to: chat}}
more: 1
"""
    )
    told = "\n".join(faults)
    for place, text in {
        "r.yaml:3:60": "'secret' stands here in the clear",
        "r.yaml:3:77": "unknown key 'colour'",
        "r.yaml:4:30": "an Apprise URL holds secrets",
        "r.yaml:5:31": "may be secret",
        "r.yaml:6:3": "'Bad Name' is no name",
        "r.yaml:8:76": "unknown key 'windo'",
        "r.yaml:9:31": "no agency has the id 'lapd-2'",
        "r.yaml:9:57": "there is no policy 'nope'",
        "r.yaml:9:70": "no such policy has a rule 'unlisted-service'",
        "r.yaml:9:93": "there is no destination 'nobody'",
        "r.yaml:10:33": "match.severity",
        "r.yaml:10:65": "90 is no span of time",
        "r.yaml:11:1": "unknown key 'more'",
    }.items():
        assert any(fault.startswith(f"{place}: ") and text in fault for fault in faults), f"{place}\n{told}"
    assert "hunter2" not in told


def test_a_webhook_is_signed_and_every_destination_is_somewhere() -> None:
    _, faults = read("destinations: {a: {kind: webhook, url: https://h.example}, b: {kind: apprise}}")
    assert len(faults) == 2
    assert "a webhook is signed" in faults[0]
    assert "say where it is once" in faults[1]


def test_a_url_in_the_clear_is_for_ones_own_network() -> None:
    hook = "kind: webhook, url: http://h.example/x, secret_env: S"
    _, faults = read(f"destinations: {{a: {{{hook}}}, b: {{{hook}, allow_private: true}}}}")
    assert faults == ["r.yaml:1:40: http is for destinations with allow_private alone; write https"]


def test_two_files_are_one_set(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("destinations: {chat: {kind: apprise, url_env: C}}")
    (tmp_path / "b.yaml").write_text("routes: [{name: all, to: chat}]")
    routes = load_routes(tmp_path, AGENCIES)
    assert [route.to for route in routes.routes] == [("chat",)]


def test_the_example_of_the_readme_has_no_fault() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    example = readme.partition("\n## Alerts\n")[2].partition("```yaml\n")[2].partition("```")[0]
    agencies = load_agencies(Settings().agencies)
    faults = Faults()
    routes = collect_routes([Source("README.md", example)], agencies, POLICIES, faults)
    assert [str(fault) for fault in faults.told()] == []
    assert (len(routes.routes), len(routes.destinations)) == (1, 2)
    assert routes.canaries is not None


def test_what_is_shipped_tells_nobody_and_has_no_fault() -> None:
    routes = load_routes(Settings().alerts, AGENCIES)
    assert (routes.routes, dict(routes.destinations)) == ((), {})


def test_quiet_hours_end_at_a_time_of_their_own_zone_on_the_days_they_begin_on() -> None:
    quiet = Hours.model_validate(
        {"from": "22:00", "until": "06:00", "timezone": "America/Los_Angeles", "days": ["fri"]}
    )
    friday_23 = datetime(2026, 11, 28, 7, tzinfo=UTC)
    saturday_6 = datetime(2026, 11, 28, 14, tzinfo=UTC)
    assert quiet.end_at(friday_23) == saturday_6
    assert quiet.end_at(saturday_6 - timedelta(seconds=1)) == saturday_6
    assert quiet.end_at(saturday_6) is None
    assert quiet.end_at(friday_23 + timedelta(days=1)) is None


@settings(deadline=None)
@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    st.integers(0, 23),
    st.integers(0, 23),
    st.sampled_from(["America/Los_Angeles", "UTC", "Asia/Kolkata"]),
    st.sets(st.sampled_from(DAYS), min_size=1),
)
def test_hours_end_after_the_moment_and_nothing_is_held_at_their_end(
    moment: datetime, start: int, until: int, zone: str, days: set[str]
) -> None:
    hours = Hours.model_validate(
        {"from": f"{start:02}:00", "until": f"{until:02}:00", "timezone": zone, "days": sorted(days)}
    )
    end = hours.end_at(moment)
    if end is not None:
        assert moment < end <= moment + timedelta(hours=26)
        assert hours.end_at(end - timedelta(microseconds=1)) == end
