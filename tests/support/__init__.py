"""What tests share: real brokers, registries and engines."""
