"""Reports that statutes, boards and the public ask for: pure SQL over database `frwatch`, and how they are shown."""
