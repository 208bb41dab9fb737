"""The local ClickHouse: an HTTP server over chDB that speaks the ClickHouse HTTP interface.

So the sink, an analyst's curl, clickhouse-connect and a JDBC tool use one protocol here and in production.
It is for one machine's loopback: it knows one user, `default`, without a password.
"""
