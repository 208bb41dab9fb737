"""The local stack: a Kafka broker, a ClickHouse engine, a registry and workers on one machine's loopback."""
