"""ClickHouse: migrations, client and writer."""
