"""The fault suite: what is broken while searches flow, and a count of what came of them."""
