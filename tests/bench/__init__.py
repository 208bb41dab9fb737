"""Benches: they print figures, with the machine's name, and assert nothing."""
