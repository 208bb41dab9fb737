"""Who sees what, on the real engine: what `frwatch roles` grants and limits, with rows of several agencies.

The engine has one user; tests.support.roles lets him hold the roles.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from deploy.cli import main
from tests.deploy.clickhouse.roles_data import OWN, SECRETS, TABLES, uuid
from tests.support.roles import (
    COUNTS,
    OWNER,
    WRITING,
    AsRole,
    all_statements,
    filters,
    granted,
    tables_of_operator,
)

AUDITOR, INVESTIGATOR, PUBLIC = "frwatch_auditor", "frwatch_agency_investigator", "frwatch_public"
LAPD, LASD, OPERATOR = "frwatch_agency_lapd", "frwatch_agency_lasd", "frwatch_operator"
WRITER, REVEALER, NOBODY = "frwatch_writer", "frwatch_revealer", "frwatch_agency_analyst"
DENIED = "Code: 497"
UNKNOWN_ROLE, NOWHERE_TO_KEEP = "Code: 511", "Code: 514"
ACCESS = (
    "GRANT ROLE ADMIN, CREATE ROW POLICY, ALTER ROW POLICY, CREATE SETTINGS PROFILE, ALTER SETTINGS PROFILE,"
    " CREATE QUOTA, ALTER QUOTA ON *.*",
    "GRANT CREATE ROLE, ALTER ROLE ON *",
    "GRANT ALL ON *.* WITH GRANT OPTION",
)


@pytest.fixture(scope="module")
def as_role(tmp_path_factory: pytest.TempPathFactory) -> AsRole:
    """The tables as the operator's role makes and fills them."""
    folder = tmp_path_factory.mktemp("roles")
    with tables_of_operator(folder) as client:
        for table, rows in TABLES.items():
            for row in rows:
                client.insert(f"frwatch.{table}", [list(row.values())], column_names=list(row))
    return AsRole(folder / "data", folder)


def columns(roles: list[str]) -> dict[str, list[str]]:
    """What the roles may read: the columns of each table or view; `*` for all."""
    found: dict[str, set[str]] = {}
    for grant in granted(roles):
        match = re.fullmatch(r"GRANT SELECT(?:\((.+)\))?\s+ON frwatch\.(\w+)", grant, re.DOTALL)
        if match:
            names = re.split(r"\s*,\s*", match[1].strip()) if match[1] else ["*"]
            found.setdefault(match[2], set()).update(names)
    return {table: ["*"] if "*" in names else sorted(names) for table, names in found.items()}


def numbers(answer: Any) -> set[int]:
    assert isinstance(answer, list), answer
    return {number for number in range(100) if [str(uuid(number))] in answer}


def test_the_engine_understands_every_statement(as_role: AsRole) -> None:
    statements = all_statements()
    assert len(statements) > 100
    answers = as_role([OPERATOR], *statements, more=ACCESS, limits=False)
    for statement, answer in zip(statements, answers, strict=True):
        assert answer[:9] in (UNKNOWN_ROLE, NOWHERE_TO_KEEP), (statement, answer)


def test_no_table_is_forgotten(as_role: AsRole) -> None:
    (found,) = as_role([OPERATOR], "SELECT name FROM system.tables WHERE database = 'frwatch' ORDER BY 1")
    names = {name for (name,) in found}
    auditor = set(columns([AUDITOR]))
    assert names - auditor == {"migrations", *WRITING}
    assert auditor <= names
    analyst = set(columns([LAPD, INVESTIGATOR]))
    assert auditor - analyst == {
        "dead_letters", "dead_letters_raw", "redrives", "redrives_raw", "reveals", "reveals_raw",
        "search_arrivals", "search_decisions", "rollup_lag", *COUNTS,
        "legal_holds", "legal_holds_raw", "held_cases", "held_events", "retention_floors",
        "retention_floors_raw", "retention_removals", "retention_removals_raw", "retention_doomed",
        "past_retention", "past_retention_raw", "expungements", "expungements_raw", "expunged_rows",
    }  # fmt: skip


def test_every_view_says_with_whose_rights_it_reads(as_role: AsRole) -> None:
    sql = (
        "SELECT name, create_table_query LIKE '% SQL SECURITY INVOKER %',"
        " create_table_query LIKE '%SQL SECURITY DEFINER%'"
        " FROM system.tables WHERE database = 'frwatch' AND engine LIKE '%View'"
    )
    (views,) = as_role([OPERATOR], sql)
    assert {name for name, _, definer in views if definer == "1"} == {*COUNTS, *WRITING}
    assert {name for name, invoker, definer in views if invoker == definer} == set()


@pytest.mark.parametrize("role", [AUDITOR, LAPD, WRITER, REVEALER, "frwatch_alerter"])
def test_each_role_can_read_all_that_it_is_granted(as_role: AsRole, role: str) -> None:
    wanted = columns([role])
    answers = as_role([role], *(f"SELECT {', '.join(names)} FROM frwatch.{t}" for t, names in wanted.items()))
    for table, answer in zip(wanted, answers, strict=True):
        assert isinstance(answer, list), (table, answer)


@pytest.mark.parametrize("role", [AUDITOR, LAPD, PUBLIC, WRITER, REVEALER, OPERATOR])
def test_whoever_is_granted_a_table_has_a_policy_that_shows_some_of_it(role: str) -> None:
    """A server with the shipped config.d shows no row of what no policy names for somebody."""
    held = filters([role])
    assert [table for table in columns([role]) if held.get(table) == "0"] == []


def test_who_has_no_policy_sees_no_row(as_role: AsRole) -> None:
    grant = "GRANT SELECT ON frwatch.*"
    (rows,) = as_role([PUBLIC], "SELECT count() FROM frwatch.policies_raw", more=[grant], limits=False)
    assert rows == [["0"]]


@pytest.mark.parametrize(("role", "agency"), [(LAPD, "lapd"), (LASD, "lasd")])
def test_an_analyst_sees_the_rows_of_the_own_agency_in_every_table(
    as_role: AsRole, role: str, agency: str
) -> None:
    own = OWN[agency]
    number = {"lapd": 1, "lasd": 3}[agency]
    seen = as_role(
        [role],
        "SELECT event_id FROM frwatch.searches",
        "SELECT event_id FROM frwatch.searches_raw",
        "SELECT event_id FROM frwatch.counted_searches",
        "SELECT violation_id FROM frwatch.violations",
        "SELECT outcome_id FROM frwatch.outcomes",
        "SELECT event_id FROM frwatch.search_outcomes",
        "SELECT alert_id FROM frwatch.alerts",
        "SELECT alert_id FROM frwatch.alerts_delivered",
        "SELECT alert_id FROM frwatch.alert_acknowledgements_raw",
        "SELECT outcome_id FROM frwatch.outcome_arrivals",
        "SELECT event_id FROM frwatch.search_differences",
    )
    assert numbers(seen[0]) == own
    assert own <= numbers(seen[1]) <= own | {7}, "with the copy that lost, perhaps: it names the agency"
    assert numbers(seen[2]) == own - {2}
    assert [numbers(each) for each in seen[3:10]] == [{number}] * 7
    assert numbers(seen[10]) == {"lapd": {20}, "lasd": {20, 21}}[agency]


def test_an_agency_sees_every_column_of_its_rows_but_no_other_agency_in_any(as_role: AsRole) -> None:
    wanted = columns([LAPD, INVESTIGATOR])
    names = [table for table in wanted if table not in ("outcome_differences", "alert_latency")]
    answers = as_role([LAPD, INVESTIGATOR], *(f"SELECT * FROM frwatch.{table}" for table in names))
    for table, answer in zip(names, answers, strict=True):
        assert isinstance(answer, list), (table, answer)
        # A copy that lost stands in the raw table still, and says that it was run for the LAPD.
        said = {cell for row in answer for cell in row if str(uuid(7)) not in row}
        assert not said & {"lbpd", "city-of-los-angeles", str(uuid(3)), str(uuid(5)), str(uuid(6))}, table


def test_agencies_add_up_and_the_role_beneath_them_sees_nothing(as_role: AsRole) -> None:
    sql = "SELECT event_id FROM frwatch.searches"
    assert numbers(as_role([LAPD, LASD], sql)[0]) == OWN["lapd"] | OWN["lasd"]
    assert numbers(as_role([AUDITOR], sql)[0]) == {1, 2, 3, 4, 5, 6, 7}
    tables = [*columns([NOBODY])]
    for roles in ([NOBODY], [NOBODY, INVESTIGATOR]):
        answers = as_role(roles, *(f"SELECT count() FROM frwatch.{table}" for table in tables))
        assert dict(zip(tables, answers, strict=True)) == dict.fromkeys(tables, [["0"]])


def test_a_copy_that_does_not_count_is_nobodys_even_where_it_names_the_agency(as_role: AsRole) -> None:
    sql = f"SELECT count() FROM frwatch.searches WHERE event_id = '{uuid(7)}'"
    assert as_role([LAPD], sql)[0] == [["0"]]
    assert as_role([LAPD], f"{sql} SETTINGS apply_row_policy_after_final = 0")[0].startswith("Code: 452")
    assert as_role([AUDITOR], sql)[0] == [["1"]]


def test_an_analyst_is_shown_no_pseudonym_and_nothing_that_may_name_a_person(as_role: AsRole) -> None:
    hidden = [f"SELECT {name} FROM frwatch.{t}" for name in SECRETS for t in ("searches", "searches_raw")]
    hidden += [
        f"SELECT count() FROM frwatch.{table} WHERE officer = 'x'" for table in ("searches", "violations")
    ]
    hidden += ["SELECT event_id FROM frwatch.searches ORDER BY officer", "SELECT * FROM frwatch.searches"]
    hidden += ["SELECT evidence FROM frwatch.violations", "SELECT note FROM frwatch.outcomes"]
    hidden += [f"SELECT {name} FROM frwatch.alerts" for name in ("group_key", "acknowledged_by", "note")]
    hidden += ["SELECT acknowledged_by FROM frwatch.alert_acknowledgements_raw"]
    hidden += ["SELECT event_id FROM frwatch.unreported_access"]
    for query, answer in zip(hidden, as_role([LAPD], *hidden), strict=True):
        assert DENIED in answer, (query, answer)
    wanted = columns([LAPD])
    said = as_role([LAPD], *(f"SELECT {', '.join(names)} FROM frwatch.{t}" for t, names in wanted.items()))
    for word in ("somebody", "pseudonym", "192.0.2.7", "probe-hash"):
        assert word not in repr(said).lower()
    shown = as_role(
        [LAPD, INVESTIGATOR], "SELECT officer FROM frwatch.searches", "SELECT note FROM frwatch.alerts"
    )
    assert shown == [[[SECRETS["officer"]]] * 3, [["somebody"]]]


def test_an_analyst_can_neither_write_nor_lift_the_limits_nor_go_around_them(as_role: AsRole) -> None:
    refused = [
        "INSERT INTO frwatch.searches_raw (event_id) VALUES (generateUUIDv4())",
        "ALTER TABLE frwatch.searches_raw DELETE WHERE 1",
        "CREATE VIEW frwatch.mine AS SELECT * FROM frwatch.searches",
        "CREATE VIEW default.mine DEFINER = owner SQL SECURITY DEFINER AS SELECT * FROM frwatch.searches",
        "SELECT * FROM frwatch.reveals",
        "SELECT * FROM frwatch.dead_letters",
        "SELECT * FROM frwatch.public_use",
        "SELECT event_id FROM merge('frwatch', 'searches_raw')",
        "SELECT * FROM remote('127.0.0.1', frwatch.searches_raw)",
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "SELECT * FROM system.row_policies",
        "SET readonly = 0",
        "SET max_execution_time = 0",
        "SET max_execution_time = 301",
        "SET max_memory_usage = 0",
        "SET allow_ddl = 1",
        "SET apply_row_policy_after_final = 0",
        "SET additional_table_filters = {'frwatch.searches_raw': '1'}",
    ]
    for query, answer in zip(refused, as_role([LAPD], *refused), strict=True):
        assert isinstance(answer, str), query
        assert re.match(r"Code: (497|452|164|392)\.", answer), (query, answer)
    assert as_role([LAPD], "SET max_execution_time = 10", "SET max_threads = 1") == [[], []]


def test_the_public_reads_counts_and_nothing_else(as_role: AsRole) -> None:
    (names,) = as_role([OPERATOR], "SELECT name FROM system.tables WHERE database = 'frwatch'")
    queries = {name: f"SELECT * FROM frwatch.{name}" for (name,) in names}
    answers = dict(zip(queries, as_role([PUBLIC], *queries.values()), strict=True))
    assert {name for name, answer in answers.items() if isinstance(answer, list)} == set(COUNTS)
    assert {tuple(row) for row in answers["public_services"]} == {("2021", "government", "\\N")}
    refused = ["SET max_threads = 1", "SELECT * FROM frwatch.public_use SETTINGS max_rows_to_read = 1"]
    assert [answer[:9] for answer in as_role([PUBLIC], *refused)] == ["Code: 164"] * 2


def test_a_quota_ends_what_asks_too_often(as_role: AsRole) -> None:
    asked = ["SELECT count() FROM frwatch.public_services"] * 201
    answers = as_role([PUBLIC], *asked)
    assert answers[199] == [["1"]]
    assert answers[200].startswith("Code: 201"), answers[200]


def test_the_writer_changes_and_deletes_nothing_and_reads_no_dead_letter(as_role: AsRole) -> None:
    refused = [
        "ALTER TABLE frwatch.searches_raw DELETE WHERE 1",
        "DELETE FROM frwatch.searches_raw WHERE 1",
        "ALTER TABLE frwatch.searches_raw UPDATE unit = 'x' WHERE 1",
        "TRUNCATE TABLE frwatch.violations_raw",
        "DROP TABLE frwatch.violations_raw",
        "OPTIMIZE TABLE frwatch.searches_raw FINAL",
        "SELECT value FROM frwatch.dead_letters_raw",
        "SELECT note FROM frwatch.outcomes_raw",
        "INSERT INTO frwatch.reveals_raw (reveal_id) VALUES (generateUUIDv4())",
        "INSERT INTO frwatch.search_arrivals (event_id) VALUES (generateUUIDv4())",
        "SELECT * FROM frwatch.reveals",
    ]
    for query, answer in zip(refused, as_role([WRITER], *refused), strict=True):
        assert DENIED in answer, (query, answer)


@pytest.mark.parametrize("role", [REVEALER, OPERATOR, AUDITOR, WRITER])
def test_nobody_changes_what_was_revealed_to_whom(as_role: AsRole, role: str) -> None:
    refused = [
        "ALTER TABLE frwatch.reveals_raw DELETE WHERE 1",
        "DELETE FROM frwatch.reveals_raw WHERE 1",
        "ALTER TABLE frwatch.reveals_raw UPDATE reason = 'x' WHERE 1",
        "ALTER TABLE frwatch.reveals_raw DROP PARTITION tuple()",
        "ALTER TABLE frwatch.reveals_raw MODIFY TTL toDateTime(at) + INTERVAL 1 DAY",
        "ALTER TABLE frwatch.reveals_raw DROP COLUMN reason",
        "ALTER TABLE frwatch.reveals_raw CLEAR COLUMN reason",
        "TRUNCATE TABLE frwatch.reveals_raw",
        "DROP TABLE frwatch.reveals_raw",
        "RENAME TABLE frwatch.reveals_raw TO frwatch.other",
        "EXCHANGE TABLES frwatch.reveals_raw AND frwatch.redrives_raw",
        "DROP DATABASE frwatch",
        "CREATE OR REPLACE TABLE frwatch.reveals_raw (a UInt8) ENGINE = MergeTree ORDER BY a",
    ]
    for query, answer in zip(refused, as_role([role], *refused), strict=True):
        assert DENIED in answer or "Code: 392" in answer, (query, answer)


def test_the_operator_makes_views_with_no_rights_but_his_own(as_role: AsRole) -> None:
    made = "CREATE OR REPLACE VIEW frwatch.made DEFINER = {} SQL SECURITY DEFINER AS SELECT 1 AS one"
    queries = (made.format(OWNER), made.format("CURRENT_USER"), "DROP VIEW frwatch.made")
    refused, *allowed = as_role([OPERATOR], *queries)
    assert DENIED in refused
    assert "SET DEFINER" in refused
    assert allowed == [[], []]


def test_the_roles_of_chosen_agencies_are_printed_alone(capsys: pytest.CaptureFixture[str]) -> None:
    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["roles", *arguments])
        said = capsys.readouterr()
        return int(str(ended.value.code)), said.out, said.err

    status, out, _ = run("--agency", "lapd", "--json")
    assert status == 0
    statements = json.loads(out)
    assert statements[0] == "CREATE ROLE IF NOT EXISTS `frwatch_agency_lapd`"
    assert not any("lasd" in each or each.startswith("--") for each in statements)
    status, out, _ = run()
    assert status == 0
    assert "CREATE ROLE IF NOT EXISTS frwatch_auditor;" in out
    assert "CREATE ROLE IF NOT EXISTS `frwatch_agency_city-of-los-angeles`;" in out
    assert "IDENTIFIED BY" not in out
    status, out, err = run("--agency", "LAPD")
    assert (status, out) == (2, "")
    assert "'LAPD' is no id of the agency register" in err
