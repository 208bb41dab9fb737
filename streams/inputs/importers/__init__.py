"""Logs of clients that nobody will change, and exports: read in bulk, kept where they touch a service."""
