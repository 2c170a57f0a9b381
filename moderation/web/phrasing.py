"""Times, figures and names as the pages write them."""

from datetime import UTC, datetime


def day(seconds: float) -> str:
    """Unix seconds as a day, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%d %b %Y")


def minute(seconds: float) -> str:
    """Unix seconds to the minute, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%d %b %Y, %H:%M UTC")


def age(seconds: float) -> str:
    """now, 12 min, 3 h, 2 days"""
    minutes = int(max(0.0, seconds) // 60)
    if minutes < 1:
        return "under 1 min"
    if minutes < 120:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h" if hours < 48 else f"{hours // 24} days"


def plain(name: str) -> str:
    """identity_attack as identity attack"""
    return name.replace("_", " ")


def moment(seconds: float) -> str:
    """Unix seconds as RFC 3339, which the browser shows in its own time."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
