"""Where alerts go: signed webhooks, and whatever Apprise reaches."""
