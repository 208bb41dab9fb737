"""The collector: events over HTTP, for clients in any language, into Kafka."""
