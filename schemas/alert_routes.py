"""Alert routes: who is told of which violations, how, and what holds alerts back. YAML, with its places."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from schemas.agencies import AgencyRegister, Identifier
from schemas.canary import MAX_SOURCE
from schemas.hostname import normalise_host
from schemas.policies import Certainty, Severity
from schemas.spans import Hours, Span
from schemas.yaml_file import Document, Faults, Source, build_model, read_documents, read_sources

SEVERITIES: tuple[Severity, ...] = ("INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL")
GroupField = Literal[
    "officer", "rule_id", "policy_id", "provider_id", "requesting_agency_id", "case_number", "event_id"
]
ALWAYS_GROUPED = ("agency_id", "severity", "certainty")
"""Part of every group: what is graver or surer is never counted behind what is less so."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _steps(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


def _at_least_one_second(value: timedelta, name: str) -> None:
    if value < timedelta(seconds=1):
        raise ValueError(f"{name} is less than a second; write one such as 10s")


Ids = Annotated[tuple[Identifier, ...], BeforeValidator(_several)]
Variable = Annotated[str, Field(pattern=_VARIABLE.pattern, max_length=128)]


class Destination(BaseModel):
    """Somebody who is told: a signed webhook, or whatever Apprise reaches by URL.

    An Apprise URL holds tokens and passwords, so it comes from a variable or a file, as does a webhook's
    secret. `per_minute` and `at_once` bound how much it is sent; `give_up_after` counts from when an alert is
    due.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["webhook", "apprise"]
    url: str | None = None
    url_env: Variable | None = None
    url_file: Path | None = None
    secret_env: Variable | None = None
    secret_file: Path | None = None
    timeout: Span = timedelta(seconds=10)
    per_minute: int = Field(default=600, ge=1, le=60_000)
    at_once: int = Field(default=4, ge=1, le=64)
    give_up_after: Span = timedelta(days=1)
    allow_private: bool = False

    @model_validator(mode="after")
    def _whole(self) -> Destination:
        if sum(each is not None for each in (self.url, self.url_env, self.url_file)) != 1:
            raise ValueError("say where it is once: url, url_env or url_file")
        secrets = [self.secret_env, self.secret_file]
        if self.kind == "webhook" and sum(each is not None for each in secrets) != 1:
            raise ValueError("a webhook is signed: name its secret by secret_env or secret_file")
        if self.kind == "apprise" and any(secrets):
            raise ValueError("an Apprise URL holds its own secrets: remove secret_env and secret_file")
        _at_least_one_second(self.timeout, "timeout")
        _at_least_one_second(self.give_up_after, "give_up_after")
        return self


class Match(BaseModel):
    """Which violations: those for which all that is given holds. `severity` means at least."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    agency: Ids = ()
    policy: Ids = ()
    rule: Ids = ()
    severity: Severity = "INFO"
    certainty: Certainty | None = None


class QuietHours(Hours):
    """Hours in which alerts wait for the end of them; from `except_severity` on they do not wait."""

    except_severity: Severity | None = None


class Escalation(BaseModel):
    """Whom to tell next of an alert that nobody acknowledged within `after`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: Span
    to: Ids = Field(min_length=1)

    @model_validator(mode="after")
    def _later(self) -> Escalation:
        _at_least_one_second(self.after, "after")
        return self


class Route(BaseModel):
    """Violations that match go to the destinations of `to`; every route that matches applies.

    The first of a group goes out at once, what else comes of it within `window` is counted. A group has one
    agency, severity and certainty, and one value of each field in `group_by`. With a `schedule` the route
    applies at those hours only.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Identifier
    match: Match = Match()
    schedule: Hours | None = None
    quiet_hours: QuietHours | None = None
    group_by: Annotated[tuple[GroupField, ...], BeforeValidator(_several)] = ("officer", "rule_id")
    window: Span = timedelta(hours=1)
    to: Ids = Field(min_length=1)
    escalate: Annotated[tuple[Escalation, ...], BeforeValidator(_steps)] = ()

    @model_validator(mode="after")
    def _whole(self) -> Route:
        _at_least_one_second(self.window, "window")
        if self.window > timedelta(days=31):
            raise ValueError("window is longer than 31 days; write a shorter one")
        steps = [step.after for step in self.escalate]
        if steps != sorted(set(steps)):
            raise ValueError("each step of escalate must be later than the one before it")
        return self


class CanarySchedule(BaseModel):
    """How often a canary is sent for each of the sources."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    every: Span
    sources: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=MAX_SOURCE)], ...], BeforeValidator(_several)
    ] = Field(min_length=1, max_length=100)

    @model_validator(mode="after")
    def _seldom(self) -> CanarySchedule:
        _at_least_one_second(self.every, "every")
        return self


@dataclass(frozen=True, slots=True)
class Routes:
    """The routes that hold, in their order, the destinations by name, and when canaries are sent."""

    routes: tuple[Route, ...]
    destinations: Mapping[str, Destination]
    canaries: CanarySchedule | None = None

    @property
    def idle(self) -> bool:
        """Whether they give an alerter nothing to do."""
        return not self.routes and self.canaries is None

    def route(self, name: str) -> Route | None:
        """Return the route of that name."""
        return next((route for route in self.routes if route.name == name), None)


PolicyRules = Mapping[str, Collection[str]]
"""The ids of the rules of each policy that is known."""


def load_routes(path: Path, agencies: AgencyRegister, policies: PolicyRules | None = None) -> Routes:
    """Return the routes in the YAML file or folder at `path`; there may be none.

    Raises:
        NotThere: there is no such file or folder.
        WrongUse: it has faults; the text has a line for each, with file, line, column and remedy.
    """
    faults = Faults()
    routes = collect_routes(read_sources(path), agencies, policies, faults)
    faults.raise_any()
    return routes


def collect_routes(
    sources: Iterable[Source], agencies: AgencyRegister, policies: PolicyRules | None, faults: Faults
) -> Routes:
    """Return what can be read, and note every fault; with a fault, use none of it.

    Policies and rules are looked up only where `policies` is given.
    """
    destinations: dict[str, tuple[Document, Destination | None]] = {}
    found: list[tuple[Document, int, Route]] = []
    schedule: CanarySchedule | None = None
    for source in sources:
        for document in read_documents(source, faults):
            if _is_shaped(document, faults):
                if document.data.get("canaries") is not None:
                    if schedule is not None:
                        faults.add(document.place("canaries"), "canaries stands twice; keep one")
                    schedule = build_model(CanarySchedule, document, ("canaries",), faults)
                _collect_destinations(document, destinations, faults)
                for index in range(len(document.data.get("routes") or ())):
                    route = build_model(Route, document, ("routes", index), faults)
                    if route is not None:
                        found.append((document, index, route))
    names: set[str] = set()
    for document, index, route in found:
        if route.name in names:
            faults.add(
                document.place("routes", index, "name"), f"route {route.name!r} stands twice; rename one"
            )
        names.add(route.name)
        _check_names(route, document, index, destinations, faults)
        _check_match(route, document, index, agencies, policies, faults)
    whole = {name: each for name, (_, each) in destinations.items() if each is not None}
    return Routes(tuple(route for _, _, route in found), whole, schedule)


def _is_shaped(document: Document, faults: Faults) -> bool:
    data = document.data
    if not isinstance(data, dict):
        faults.add(document.place(), "must be a mapping with `destinations` and `routes`")
        return False
    for key in data.keys() - {"destinations", "routes", "canaries"}:
        known = "known are canaries, destinations, routes"
        faults.add(document.place_of_key(key), f"unknown key {key!r}; {known}")
    shaped = True
    if not isinstance(data.get("destinations") or {}, dict):
        faults.add(document.place("destinations"), "must be a mapping: each destination under its name")
        shaped = False
    if not isinstance(data.get("routes") or [], list):
        faults.add(document.place("routes"), "must be a list of routes")
        shaped = False
    return shaped


class _Named(BaseModel):
    name: Identifier


def _collect_destinations(
    document: Document, known: dict[str, tuple[Document, Destination | None]], faults: Faults
) -> None:
    for name, data in (document.data.get("destinations") or {}).items():
        path = ("destinations", name)
        if name in known:
            faults.add(document.place_of_key(*path), f"destination {name!r} stands twice; rename one")
        try:
            _Named(name=name)
        except ValueError:
            text = f"{name!r} is no name; write lower-case letters, digits and hyphens"
            faults.add(document.place_of_key(*path), text)
        _note_secrets(document, path, data, faults)
        known[name] = document, build_model(Destination, document, path, faults)


def _note_secrets(document: Document, path: tuple[str, str], data: Any, faults: Faults) -> None:
    """Note secrets that are written in the file; no fault quotes them."""
    if not isinstance(data, dict):
        return
    for key in ("secret", "password", "token"):
        if key in data:
            text = f"{key!r} stands here in the clear: put it in a variable or file, and name that by "
            faults.add(document.place_of_key(*path, key), text + "secret_env or secret_file")
    url = data.get("url")
    if isinstance(url, str):
        place = document.place(*path, "url")
        if data.get("kind") == "apprise":
            faults.add(place, "an Apprise URL holds secrets: name it by url_env or url_file")
        else:
            _check_url(url, place, faults, private=data.get("allow_private") is True)


def _check_url(url: str, place: Any, faults: Faults, *, private: bool) -> None:
    parts = urlsplit(url)
    if parts.username or parts.password or parts.query or parts.fragment:
        text = (
            "the URL has a user, a password or a query, which may be secret: name it by url_env or url_file"
        )
        faults.add(place, text)
    elif parts.scheme not in {"https", "http"} or normalise_host(parts.netloc) is None:
        faults.add(place, "the URL is none that a webhook can have; write https://host/path")
    elif parts.scheme == "http" and not private:
        faults.add(place, "http is for destinations with allow_private alone; write https")


def _check_names(
    route: Route, document: Document, index: int, destinations: Mapping[str, object], faults: Faults
) -> None:
    lists: list[tuple[tuple[str | int, ...], tuple[str, ...]]] = [(("to",), route.to)]
    listed = isinstance(document.data["routes"][index].get("escalate"), list)
    for number, step in enumerate(route.escalate):
        lists.append((("escalate", number, "to") if listed else ("escalate", "to"), step.to))
    for path, names in lists:
        for number, name in enumerate(names):
            if name not in destinations:
                known = ", ".join(sorted(destinations)) or "none yet"
                place = document.place("routes", index, *path, number)
                faults.add(place, f"there is no destination {name!r}; there are {known}")


def _check_match(
    route: Route,
    document: Document,
    index: int,
    agencies: AgencyRegister,
    policies: PolicyRules | None,
    faults: Faults,
) -> None:
    def place(key: str, number: int) -> Any:
        return document.place("routes", index, "match", key, number)

    for number, agency_id in enumerate(route.match.agency):
        if agency_id not in agencies.by_id:
            near = agencies.resolve(agency_id)
            remedy = f"its id is {near.id!r}" if near else "add it to the register or correct the id"
            faults.add(place("agency", number), f"no agency has the id {agency_id!r}; {remedy}")
    if policies is None:
        return
    for number, policy_id in enumerate(route.match.policy):
        if policy_id not in policies:
            known = ", ".join(sorted(policies))
            faults.add(place("policy", number), f"there is no policy {policy_id!r}; there are {known}")
    among = {each: policies.get(each, ()) for each in route.match.policy} or policies
    rules = {rule_id for ids in among.values() for rule_id in ids}
    for number, rule_id in enumerate(route.match.rule):
        if rule_id not in rules:
            known = ", ".join(sorted(rules))
            faults.add(place("rule", number), f"no such policy has a rule {rule_id!r}; they have {known}")
