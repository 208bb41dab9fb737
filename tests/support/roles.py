"""The roles of deploy/clickhouse as a users.xml, in which the local engine's one user holds some of them.

The engine in process cannot be told roles in SQL: it has no place to keep them. The same grants, filters,
settings and quotas in a users.xml it obeys as a server does.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import clickhouse_connect
from pydantic import SecretStr

from deploy.roles_command import agency_role, base_roles, statements_of
from schemas.settings import Settings
from sinks.clickhouse.migrate import migrate
from tests.support.clickhouse import running_clickhouse

AGENCIES = ("lapd", "lasd")
COUNTS = ("public_use", "public_services", "public_outcomes")
WRITING = (
    "search_arrivals_of_searches",
    "outcome_arrivals_of_outcomes",
    "rollup_marks_of_searches",
    "rollup_marks_of_violations",
    "rollup_marks_of_outcomes",
    "rollup_search_marks_of_searches",
)
"""The views that read and write with the rights of whoever made them."""
OWNER = "owner"
"""The user who made the tables, and with whose rights the views for the public read."""
DEFINING = "GRANT SET DEFINER ON *"
"""What it takes to say that another made a view; on a server he did."""
SPOOLS = ("GRANT READ ON FILE", "GRANT CREATE TEMPORARY TABLE ON *.*")
"""What the local HTTP server needs beside what a role has: it hands inserts to the engine as files."""


@dataclass(frozen=True)
class Policy:
    """A row policy: whose rows of `table` (`*`: of all) each of `roles` sees."""

    table: str
    filter: str
    roles: frozenset[str]


def all_statements() -> list[str]:
    """What `frwatch roles` prints for two agencies."""
    texts = [base_roles(), *(agency_role(agency) for agency in AGENCIES)]
    return [statement for text in texts for statement in statements_of(text)]


def policies() -> list[Policy]:
    """The row policies."""
    form = r"CREATE ROW POLICY OR REPLACE \S+ ON frwatch\.(\S+) FOR SELECT\s+USING (.+?)\s+TO ([^()]+)"
    found = [re.fullmatch(form, each, re.DOTALL) for each in all_statements() if "ROW POLICY" in each]
    assert all(found), found
    return [Policy(match[1], match[2], _names(match[3])) for match in found if match]


def granted(roles: Iterable[str]) -> list[str]:
    """The statements that say what these roles may do, those that they are granted included, without whom."""
    form = r"(GRANT|REVOKE) (.+) (?:TO|FROM) (\S+)"
    matches = [re.fullmatch(form, each, re.DOTALL) for each in all_statements() if "ON *.* FROM" not in each]
    known = [match for match in matches if match]
    wanted = whole(roles)
    return [f"{m[1]} {m[2]}" for m in known if _names(m[3]) <= wanted and " ON " in m[2]]


def whole(roles: Iterable[str]) -> set[str]:
    """The roles, with those that they are granted."""
    held = set(roles)
    for statement in all_statements():
        match = re.fullmatch(r"GRANT (\w+) TO (\S+)", statement)
        if match and _names(match[2]) <= held:
            held.add(match[1])
    return held


def filters(roles: Iterable[str]) -> dict[str, str]:
    """The row filter of each table and view: policies of one user are alternatives.

    As on a server with deploy/clickhouse/config.d: what a policy names for somebody (and one names the whole
    database) shows no row to whom none names.
    """
    held = whole(roles)
    mine = [policy for policy in policies() if policy.roles & held]
    everywhere = [policy.filter for policy in mine if policy.table == "*"]
    by_table: dict[str, list[str]] = {} if everywhere else {name: [] for name in _granted_names()}
    for policy in mine:
        if policy.table != "*":
            by_table.setdefault(policy.table, []).append(f"({policy.filter})")
    return {table: " OR ".join([*found, *everywhere]) or "0" for table, found in by_table.items()}


def _granted_names() -> set[str]:
    return {
        name for each in all_statements() for name in re.findall(r"GRANT .* ON frwatch\.(\w+) TO", each, re.S)
    }


def users_xml(
    file: Path, roles: Sequence[str], *, limits: bool = True, more: Sequence[str] = (), without: str = ""
) -> Path:
    """Write a users.xml in which `default` holds the roles, and return it.

    `limits` are their settings and quotas. `more` grants something else too; `without` drops the grants in
    which that text stands.
    """
    grants = [each for each in [*granted(roles), *more] if not without or without not in each]
    rows = "".join(f"<{t}><filter>{escape(text)}</filter></{t}>" for t, text in filters(roles).items())
    file.write_text(
        f"""<clickhouse>
<profiles><default>{_settings(roles) if limits else ""}</default><owner/></profiles>
<users>
{_user("default", grants, rows, "default")}
{_user(OWNER, granted(["frwatch_operator"]), "", "owner")}
</users>
<quotas><default>{_quota(roles) if limits else ""}</default><owner/></quotas>
</clickhouse>"""
    )
    return file


@contextmanager
def tables_of_operator(folder: Path) -> Iterator[Any]:
    """Let the operator's role make the tables in a folder, and yield his client; an engine runs meanwhile."""
    users = users_xml(folder / "operator.xml", ["frwatch_operator"], limits=False, more=[*SPOOLS, DEFINING])
    with running_clickhouse(folder, users=users) as engine:
        asyncio.run(migrate(Settings(clickhouse=SecretStr(engine.url))))
        client = clickhouse_connect.get_client(host="127.0.0.1", port=engine.port)
        try:
            for view in (*COUNTS, *WRITING):
                # Here the one user is whoever asks.
                client.command(f"ALTER TABLE frwatch.{view} MODIFY DEFINER = {OWNER} SQL SECURITY DEFINER")
            yield client
        finally:
            client.close()


class AsRole:
    """Asks the engine over a data folder as whoever holds some roles; a process each time."""

    def __init__(self, data: Path, folder: Path) -> None:
        self.data = data
        self.folder = folder

    def __call__(self, roles: Sequence[str], *queries: str, **options: Any) -> list[Any]:
        """What each query gave: its rows as lists of texts, or the text of its error."""
        users = users_xml(self.folder / "users.xml", roles, **options)
        config = self.folder / "config.xml"
        config.write_text(
            # Tables are loaded with the engine's own profile, as on a server, not with the asker's limits.
            f"<clickhouse><default_profile>{OWNER}</default_profile><system_profile>{OWNER}</system_profile>"
            f"<user_directories><users_xml><path>{users}</path></users_xml></user_directories></clickhouse>"
        )
        ended = subprocess.run(
            [sys.executable, "-c", _ASK, f"{self.data}?config-file={config}"],
            input=repr(queries),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ended.returncode == 0, ended.stderr
        answers: list[Any] = eval(ended.stdout)
        return answers


_ASK = """
import ast, sys, chdb
connection = chdb.connect(sys.argv[1])
answers = []
for query in ast.literal_eval(sys.stdin.read()):
    try:
        text = connection.query(query, "TSV").data()
        answers.append([line.split("\\t") for line in text.splitlines()])
    except RuntimeError as error:
        answers.append(str(error).splitlines()[0])
connection.close()
print(repr(answers))
"""


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip().strip("`") for name in text.split(","))


def _user(name: str, grants: Sequence[str], rows: str, profile: str) -> str:
    queries = "".join(f"<query>{escape(grant)}</query>" for grant in grants)
    return (
        f"<{name}><password></password><networks><ip>::/0</ip></networks><profile>{profile}</profile>"
        f"<quota>{profile}</quota><grants>{queries or '<query>GRANT NONE ON *.*</query>'}</grants>"
        f"<databases><frwatch>{rows}</frwatch></databases></{name}>"
    )


def _mine(kind: str, roles: Iterable[str]) -> list[str]:
    held = whole(roles)
    form = rf"CREATE {kind} OR REPLACE \w+ (.+)\s+TO ([^()]+)"
    matches = [re.fullmatch(form, each, re.DOTALL) for each in all_statements()]
    return [match[1] for match in matches if match and _names(match[2]) & held]


def _settings(roles: Iterable[str]) -> str:
    values, constraints = "", ""
    for text in _mine("SETTINGS PROFILE", roles):
        for each in text.removeprefix("SETTINGS").split(","):
            form = r"(\w+)(?: = '?(\w+)'?)?(?: MIN (\d+))?(?: MAX (\d+))?( CONST)?"
            match = re.fullmatch(form, each.strip())
            assert match, each
            name, value, least, most, const = match.groups()
            values += f"<{name}>{value}</{name}>" if value else ""
            limits = f"<min>{least}</min>" if least else ""
            limits += f"<max>{most}</max>" if most else ""
            # What is read-only to begin with needs, and takes, no constraint.
            if name != "readonly":
                constraints += f"<{name}>{limits}{'<readonly/>' if const else ''}</{name}>"
    return f"{values}<constraints>{constraints}</constraints>"


def _quota(roles: Iterable[str]) -> str:
    for text in _mine("QUOTA", roles):
        match = re.search(r"FOR INTERVAL 1 hour MAX (.+)", text, re.DOTALL)
        assert match, text
        limits = (each.strip().split(" = ") for each in match[1].split(","))
        inner = "".join(f"<{name}>{value}</{name}>" for name, value in limits)
        return f"<interval><duration>3600</duration>{inner}</interval>"
    return ""
