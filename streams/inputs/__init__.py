"""How events get in: the emitter of FR clients, the collector for any client, importers of other logs."""
