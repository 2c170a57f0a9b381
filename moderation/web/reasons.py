"""The reasons that a moderator picks by number, and for how long a comment can be put aside."""

from collections.abc import Mapping

# code → what it says on the button. The order is for fingers: it does not change from comment to comment.
REASONS: Mapping[str, str] = {
    "incitement": "Incitement to violence",
    "threat": "Threat",
    "hate": "Hatred of a group",
    "harassment": "Harassment or insult",
    "sexual": "Sexual content",
    "obscene": "Obscene language",
    "spam": "Spam or advertising",
    "off_topic": "Off topic",
    "other": "Another reason",
}
# category of the model → the reason it hints at
HINTS: Mapping[str, str] = {
    "incitement": "incitement",
    "threat": "threat",
    "identity_attack": "hate",
    "severe_toxicity": "harassment",
    "toxicity": "harassment",
    "insult": "harassment",
    "sexual_explicit": "sexual",
    "obscene": "obscene",
}
PAUSES: Mapping[int, str] = {900: "15 minutes", 3600: "1 hour", 4 * 3600: "4 hours", 24 * 3600: "1 day"}  # by seconds
