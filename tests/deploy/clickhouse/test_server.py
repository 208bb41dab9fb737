"""The HTTP interface as its documentation has it, over the real engine."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
import zlib
from collections.abc import Callable

import lz4.frame
import pytest
import zstandard

from deploy.local.clickhouse.compression import BlockEncoder
from tests.deploy.clickhouse.conftest import Asker
from tests.support.worker import until

LONG = "SELECT sum(cityHash64(number)) FROM numbers(1000000000000) SETTINGS max_threads = 1"
RUNNING = (
    "SELECT count() FROM system.processes WHERE query LIKE '%cityHash64%' AND query NOT LIKE '%processes%'"
)

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.compress,
    "lz4": lz4.frame.compress,
}


def rows(ask: Asker) -> int:
    return int(ask("SELECT count() FROM t").body)


def test_get_reads_and_never_writes(ask: Asker) -> None:
    assert ask(method="GET", query="SELECT 1").body == b"1\n"
    for session in ("", "s1"):
        answer = ask(method="GET", query="INSERT INTO t VALUES (1)", session_id=session)
        assert answer.headers["X-ClickHouse-Exception-Code"] == "164"
    assert rows(ask) == 0


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO t VALUES (1), (2)",
        "INSERT INTO t FORMAT TSV\n1\n2\n",
        '/* first */ -- then\nINSERT INTO t (a) SETTINGS async_insert = 0 FORMAT JSONEachRow {"a":1} {"a":2}',
        "INSERT INTO t SELECT number FROM numbers(2)",
        "insert into t format CSV\n1\n2",
    ],
)
def test_inserts_in_every_shape(ask: Asker, text: str) -> None:
    assert ask(text).status == 200
    assert rows(ask) == 2


def test_a_statement_that_comes_in_pieces_is_run_whole(ask: Asker) -> None:
    ask.chunks([b"INSERT INTO t SELECT number FROM numbers(100)", b" WHERE number < 10"])
    assert rows(ask) == 10
    ask.chunks([b"INSERT INTO t /* FORMAT TSV", b" */ FORM", b"AT CSV\n1\n", b"2\n"])
    assert rows(ask) == 12


def test_data_follow_a_query_of_the_url_and_the_body_goes_on_with_other_text(ask: Asker) -> None:
    assert ask(b"1\n2\n", query="INSERT INTO t FORMAT TSV").status == 200
    assert ask(b"1\n", query="INSERT INTO {t:Identifier} FORMAT TSV", param_t="t").status == 200
    assert rows(ask) == 3
    assert ask("WHERE a = 1", query="SELECT count() FROM t").body == b"2\n"


def test_parameters_settings_and_database(ask: Asker) -> None:
    answer = ask(
        "SELECT {s:String}, {n:Nullable(String)} IS NULL, arraySum({a:Array(UInt8)}), currentDatabase()",
        param_s="a\\tb",
        param_n="\\N",
        param_a="[1,2]",
        database="system",
    )
    assert answer.body == b"a\\tb\t1\t3\tsystem\n"
    assert ask("SELECT getSetting('max_block_size')", max_block_size="77").body == b"77\n"
    assert ask("SELECT getSetting('max_block_size')").body != b"77\n"
    assert ask("SELECT 1", no_such_setting="1").headers["X-ClickHouse-Exception-Code"] == "115"


def test_an_insert_token_takes_effect(ask: Asker) -> None:
    for token in ("one", "one", "two"):
        ask(b"1\n2\n", query="INSERT INTO t FORMAT TSV", insert_deduplication_token=token)
    assert rows(ask) == 4


@pytest.mark.parametrize("encoding", PACKERS)
def test_compressed_bodies_both_ways(ask: Asker, encoding: str) -> None:
    pack = PACKERS[encoding]
    headers = {"Content-Encoding": encoding}
    assert ask(pack(b"1\n" * 1000), headers=headers, query="INSERT INTO t FORMAT TSV").status == 200
    assert rows(ask) == 1000
    assert ask(pack(b"1\n")[:-3], headers=headers, query="INSERT INTO t FORMAT TSV").status != 200
    assert rows(ask) == 1000
    answer = ask("SELECT number FROM numbers(200000)", headers={"Accept-Encoding": encoding})
    assert answer.headers["Content-Encoding"] == encoding
    assert len(answer.body) < 1_000_000


def test_members_end_to_end_are_one_body(ask: Asker) -> None:
    for number, encoding in enumerate(("gzip", "zstd", "lz4")):
        pack = PACKERS[encoding]
        body = pack(b"%d\n2\n" % number) + pack(b"3\n4\n")
        answer = ask(body, headers={"Content-Encoding": encoding}, query="INSERT INTO t FORMAT TSV")
        assert answer.status == 200
    assert rows(ask) == 12


def test_clickhouses_own_blocks_both_ways_with_their_checksum(ask: Asker) -> None:
    block = BlockEncoder().encode(b"1\n2\n3\n")
    assert ask(block, query="INSERT INTO t FORMAT TSV", decompress="1").status == 200
    assert rows(ask) == 3
    spoiled = block[:-1] + bytes([block[-1] ^ 1])
    assert ask(spoiled, query="INSERT INTO t FORMAT TSV", decompress="1").status != 200
    assert rows(ask) == 3
    answer = ask("SELECT 'abc'", compress="1")
    assert answer.body == BlockEncoder().encode(b"abc\n")


def test_errors_have_code_status_and_text(ask: Asker) -> None:
    for sql, code, status in (
        ("SELECT * FROM nope", "60", 404),
        ("SELECT 1 +", "62", 400),
        ("SELECT 1 FORMAT Nope", "73", 404),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", "48", 501),
        ("SELECT sum(number) FROM numbers(1000000000000) SETTINGS max_execution_time = 1", "159", 408),
    ):
        answer = ask(sql)
        assert (answer.headers["X-ClickHouse-Exception-Code"], answer.status) == (code, status), sql
        assert answer.body.startswith(f"Code: {code}. DB::Exception: ".encode())


def test_a_late_error_stands_behind_the_data_with_its_tag(ask: Asker) -> None:
    answer = ask("SELECT throwIf(number = 900000) FROM numbers(1000000) SETTINGS max_block_size = 1000")
    tag = answer.headers["X-ClickHouse-Exception-Tag"].encode()
    tail = answer.body[-600:]
    assert b"\r\n__exception__\r\n" + tag in tail
    assert b"Code: 395" in tail
    assert tail.endswith(tag + b"\r\n__exception__\r\n")


def test_the_summary_counts_what_was_read_and_written(ask: Asker) -> None:
    written = json.loads(ask("INSERT INTO t VALUES (1), (2)").headers["X-ClickHouse-Summary"])
    assert (written["written_rows"], written["written_bytes"]) == ("2", "16")
    read = json.loads(ask("SELECT sum(a) FROM t").headers["X-ClickHouse-Summary"])
    assert (read["read_rows"], read["result_rows"]) == ("2", "1")


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        ("ALTER TABLE t ADD CONSTRAINT small CHECK a < 100", "469"),
        ("ALTER TABLE t MODIFY SETTING parts_to_delay_insert = 0", None),
        ("ALTER TABLE t MODIFY SETTING parts_to_throw_insert = 1", "252"),
        ("CREATE MATERIALIZED VIEW v ENGINE = Memory AS SELECT throwIf(a > 99) AS x FROM t", "395"),
    ],
)
@pytest.mark.parametrize("form", ["Values", "TSV", "JSONEachRow", "RowBinary"])
def test_an_insert_that_the_engine_refuses_at_its_end_is_no_success(
    ask: Asker, prepare: str, code: str | None, form: str
) -> None:
    """A row that is acknowledged and not stored is a lost search."""
    ask("DROP TABLE IF EXISTS v")
    assert ask("INSERT INTO t VALUES (1)").status == 200
    assert ask(prepare).status == 200, ask(prepare).body
    data = {
        "Values": b"(100)",
        "TSV": b"100\n",
        "JSONEachRow": b'{"a": 100}',
        "RowBinary": bytes([100] + [0] * 7),
    }
    answer = ask(data[form], query=f"INSERT INTO t FORMAT {form}")
    ask("DROP TABLE IF EXISTS v")
    if code is None:
        assert answer.status == 200, answer.body
        assert rows(ask) == 2
    else:
        assert answer.status >= 400, "it was acknowledged"
        assert answer.headers["X-ClickHouse-Exception-Code"] == code


def test_columns_that_an_insert_leaves_out_have_the_tables_defaults(ask: Asker) -> None:
    columns = "a UInt64, b UInt64 DEFAULT a + 1, c String MATERIALIZED 'x'"
    ask(f"CREATE TABLE with_defaults ({columns}) ENGINE = Memory")
    try:
        for text in (
            "INSERT INTO with_defaults (a) VALUES (1)",
            'INSERT INTO with_defaults FORMAT JSONEachRow {"a": 2}',
            "INSERT INTO with_defaults (a) FORMAT CSVWithNames\na\n3\n",
            "INSERT INTO with_defaults (b, a) FORMAT TSV\n9\t4\n",
        ):
            assert ask(text).status == 200, ask(text).body
        assert ask("SELECT * FROM with_defaults ORDER BY a").body == b"1\t2\n2\t3\n3\t4\n4\t9\n"
    finally:
        ask("DROP TABLE with_defaults")


def test_who_may_ask(ask: Asker) -> None:
    assert ask("SELECT 1", user="default").status == 200
    assert ask("SELECT 1", user="bob").headers["X-ClickHouse-Exception-Code"] == "516"
    basic = {"Authorization": "Basic ZGVmYXVsdDpudWxs"}
    assert ask("SELECT 1", headers=basic).status == 200, (
        "what a JDBC driver sends where it was given no password"
    )
    assert ask("SELECT 1", headers={"Host": "evil.example"}).status == 403
    assert ask("SELECT 1", headers={"Origin": "http://evil.example"}).status == 403
    assert ask("SELECT 1", headers={"Sec-Fetch-Site": "cross-site"}).status == 403
    assert ask("SELECT 1", headers={"Origin": "http://localhost:3000"}).status == 200


def test_a_session_keeps_its_temporary_table_and_settings(ask: Asker) -> None:
    ask("CREATE TEMPORARY TABLE mine (a UInt8)", session_id="s2")
    ask("INSERT INTO mine VALUES (7)", session_id="s2")
    assert ask("SELECT a FROM mine", session_id="s2").body == b"7\n"
    assert ask("SELECT a FROM mine").status == 404
    assert ask("SELECT 1", session_id="s3", session_check="1").headers["X-ClickHouse-Exception-Code"] == "372"


def test_a_session_may_read_only_by_turns(ask: Asker) -> None:
    for _ in range(2):
        assert ask("SELECT 1", session_id="s4", readonly="2").body == b"1\n"
        refused = ask("INSERT INTO t VALUES (1)", session_id="s4", readonly="2")
        assert refused.headers["X-ClickHouse-Exception-Code"] == "164"
    assert ask("INSERT INTO t VALUES (1)", session_id="s4").status == 200
    assert rows(ask) == 1


def test_half_a_body_is_not_stored(ask: Asker) -> None:
    ask.chunks([b"1\n" * 1000, b"2\n" * 1000], "INSERT INTO t FORMAT TSV", hang_up=True)
    ask("INSERT INTO t VALUES (9)")
    assert rows(ask) == 1


def test_a_client_that_goes_away_ends_its_query(ask: Asker) -> None:
    with socket.create_connection(("127.0.0.1", ask.port)) as line:
        line.sendall(
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(LONG) + LONG.encode()
        )
        until(lambda: ask(RUNNING).body == b"1\n", "it runs")
    until(lambda: ask(RUNNING).body == b"0\n", "it has ended", 10)


def test_long_queries_hold_up_neither_inserts_nor_ping(ask: Asker) -> None:
    queries = [
        threading.Thread(target=ask, args=(LONG,), kwargs={"max_execution_time": "4"}) for _ in range(6)
    ]
    for query in queries:
        query.start()
    until(lambda: ask(RUNNING).body == b"6\n", "six long queries run")
    began = time.monotonic()
    assert ask("INSERT INTO t VALUES (1)").status == 200
    assert ask(method="GET").body == b"Ok.\n"
    assert ask(RUNNING).body == b"6\n", f"still all six, {time.monotonic() - began:.1f} s later"
    for query in queries:
        query.join()
