"""Times as the team's pages write them."""

from datetime import UTC, datetime


def day(seconds: float) -> str:
    """Unix seconds as a day, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%d %b %Y")


def minute(seconds: float) -> str:
    """Unix seconds to the minute, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%d %b %Y, %H:%M UTC")
