"""How frwatch runs, and what an operator edits."""
