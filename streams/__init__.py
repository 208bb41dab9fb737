"""What happens to an event, and how events get in."""
