"""What the engine is told about this machine: small caches, no logs of its own, bounded memory."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

_CONFIG = """<clickhouse>
    <!-- Shares two cores with a broker and workers: caches and pools of a server would crowd them out. -->
    <max_server_memory_usage>{memory}</max_server_memory_usage>
    <mark_cache_size>67108864</mark_cache_size>
    <index_mark_cache_size>16777216</index_mark_cache_size>
    <primary_index_cache_size>67108864</primary_index_cache_size>
    <background_pool_size>2</background_pool_size>
    <background_schedule_pool_size>4</background_schedule_pool_size>
    <!-- Where the process may not set it (CAP_SYS_NICE), its threads have the niceness of the process. -->
    <os_threads_nice_value_merge_mutate>{merge_niceness}</os_threads_nice_value_merge_mutate>
    <timezone>UTC</timezone>{users}
</clickhouse>
"""
_USERS = """
    <user_directories><users_xml><path>{path}</path></users_xml></user_directories>"""
NICENESS = 10
"""Of queries and inserts: beside a broker and workers, finding violations goes before storing and reports."""
MERGE_NICENESS = 19
"""Of the threads that merge parts, which can wait longest."""
MEMORY = 4 << 30
"""Bytes that the engine may use in all; a query beyond it fails with code 241."""


def write_config(data: Path, users: Path | None = None) -> Path:
    """Write the engine's configuration into the data folder and return its path.

    `users` is a ClickHouse users.xml: what it says of the user `default`, who is the only one here, then
    holds (grants, row filters, settings, quota). Without it he may do everything but manage access.
    """
    path = data / "frwatch.config.xml"
    directories = "" if users is None else _USERS.format(path=escape(str(users.resolve())))
    path.write_text(_CONFIG.format(memory=MEMORY, merge_niceness=MERGE_NICENESS, users=directories))
    return path
