"""How fast scoring is on this machine, side by side with what a user would otherwise run: `moderation bench`."""
