"""`frwatch sql`: questions to ClickHouse from a terminal, as statements or from the query book."""
