"""Kafka: topics, and what frwatch itself writes to them."""
