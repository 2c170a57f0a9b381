"""The queue that moderators work from."""
