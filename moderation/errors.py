"""Everything that can go wrong, drawn once. An error's docstring is the start of its message.

    ModerationError
    ├── ConfigurationError          a start-up mistake: exit code 2, naming the option
    │   └── PolicyError             file, line, field and what was expected
    ├── BadEvent                    one event that can never be processed: dead letter
    ├── QueueRefused                Redis cannot do what we ask: another program's key, a fault of ours
    ├── ScoringError                the model refused a text
    ├── TransientError              wait in place and try again; nothing is acknowledged
    │   ├── QueueUnavailable
    │   ├── BrokerUnavailable
    │   ├── ScorerUnavailable       the model refuses even a harmless text: the policy says who waits
    │   └── Overloaded              more asked at once than can be answered
    ├── AccountError                a login, an account or a token
    │   ├── UnknownAccount
    │   ├── NameTaken
    │   ├── BadName
    │   ├── WeakPassword
    │   ├── LoginRefused            name or password is wrong, or the account disabled: it is not said which
    │   └── LockedOut               too many tries
    └── ReviewError                 a moderator's action that cannot be done
        ├── UnknownItem
        ├── TooLate                 to undo
        └── Conflict                somebody or something was first
            ├── LeaseLost           another moderator has the item
            ├── AlreadyDecided      another moderator decided it
            └── ItemChanged         edited, deleted, withdrawn, expired

No message ever holds the text of a comment.
"""

from typing import ClassVar


class ModerationError(Exception):
    """moderation failed"""

    def __str__(self) -> str:
        detail = super().__str__()
        summary = (type(self).__doc__ or type(self).__name__).strip()
        return f"{summary}: {detail}" if detail else summary


class ConfigurationError(ModerationError):
    """the configuration is wrong"""


class PolicyError(ConfigurationError):
    """the policy file is wrong"""


class BadEvent(ModerationError):
    """the event cannot be processed"""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason} ({detail})" if detail else reason)
        self.reason = reason  # one word from a fixed set: it becomes a metric label and a header
        self.detail = detail


class ScoringError(ModerationError):
    """the model could not score a text"""


class TransientError(ModerationError):
    """something the service needs is not reachable"""

    dependency: ClassVar[str] = "unknown"  # what it is called in metrics, logs and /readyz


class QueueUnavailable(TransientError):
    """the review queue (Redis) is not reachable"""

    dependency = "redis"


class QueueRefused(ModerationError):
    """the review queue (Redis) refused a command, and will again"""


class BrokerUnavailable(TransientError):
    """Kafka is not reachable"""

    dependency = "kafka"


class ScorerUnavailable(TransientError):
    """the model cannot score"""

    dependency = "model"


class Overloaded(TransientError):
    """too much is asked at once"""


class AccountError(ModerationError):
    """the account cannot be used so"""


class UnknownAccount(AccountError):
    """no such account"""


class NameTaken(AccountError):
    """there is an account of this name"""


class BadName(AccountError):
    """not a name for an account"""


class WeakPassword(AccountError):
    """not a safe password"""


class LoginRefused(AccountError):
    """name or password is wrong"""


class LockedOut(AccountError):
    """too many tries"""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"again in {seconds:.0f} s")
        self.seconds = seconds  # until the next try


class ReviewError(ModerationError):
    """the review action cannot be done"""


class UnknownItem(ReviewError):
    """no such item in the review queue"""


class TooLate(ReviewError):
    """the time to undo this verdict is over"""


class Conflict(ReviewError):
    """the item is not as you saw it"""

    def __init__(self, comment_id: str, *, state: str = "", moderator: str = "", verdict: str = "") -> None:
        super().__init__(" ".join(part for part in (comment_id, state and f"is {state}", moderator and f"by {moderator}", verdict and f"({verdict})") if part))
        self.comment_id = comment_id
        self.state = state  # what it is now
        self.moderator = moderator  # who has it, or decided it
        self.verdict = verdict  # what they decided


class LeaseLost(Conflict):
    """the item is no longer leased to you"""


class AlreadyDecided(Conflict):
    """somebody else decided first"""


class ItemChanged(Conflict):
    """the comment was edited, deleted or withdrawn meanwhile"""
