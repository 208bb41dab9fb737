"""What the engine is told about this machine: small caches, no logs of its own, bounded memory."""

from __future__ import annotations

from pathlib import Path

_CONFIG = """<clickhouse>
    <!-- Shares two cores with a broker and workers: caches and pools of a server would crowd them out. -->
    <max_server_memory_usage>{memory}</max_server_memory_usage>
    <mark_cache_size>67108864</mark_cache_size>
    <index_mark_cache_size>16777216</index_mark_cache_size>
    <primary_index_cache_size>67108864</primary_index_cache_size>
    <background_pool_size>2</background_pool_size>
    <background_schedule_pool_size>4</background_schedule_pool_size>
    <timezone>UTC</timezone>
</clickhouse>
"""
MEMORY = 4 << 30
"""Bytes that the engine may use in all; a query beyond it fails with code 241."""


def write_config(data: Path) -> Path:
    """Write the engine's configuration into the data folder and return its path."""
    path = data / "frwatch.config.xml"
    path.write_text(_CONFIG.format(memory=MEMORY))
    return path
