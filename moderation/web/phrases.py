"""Figures and names as a person reads them."""

from datetime import UTC, datetime


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
