"""Alerts: which violations people are told of, when, in which words, and what became of the telling."""
