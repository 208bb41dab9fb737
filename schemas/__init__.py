"""What data looks like: contracts, wire format, and the models of policies, agencies, catalogue, settings."""
