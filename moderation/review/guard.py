"""What a Redis in trouble says becomes QueueUnavailable."""

import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.exceptions import (
    ClusterDownError,
    MovedError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TryAgainError,
)

from moderation.errors import QueueRefused, QueueUnavailable

T = TypeVar("T")
# Answers of a server that will be well again, or be mended while we wait: full, a replica that was promoted, a cluster that moves, a user
# without rights. The client has classes for some, and leaves their code out of the message; it knows the others by their code alone.
_PASSING = (NoPermissionError, OutOfMemoryError, ReadOnlyError, ClusterDownError, TryAgainError, MovedError)
_PASSING_CODE = re.compile(r"\b(NOPERM|ACL|OOM|LOADING|READONLY|MASTERDOWN|BUSY|CLUSTERDOWN|TRYAGAIN|MISCONF|NOREPLICAS)\b")


async def guarded(call: Callable[[], Awaitable[T]]) -> T:
    """The call's answer. Raises QueueUnavailable when the server cannot give one now, QueueRefused when it never will."""
    try:
        return await call()
    except NoScriptError:
        raise
    except ResponseError as error:
        said = _said(error)
        if isinstance(error, _PASSING) or _PASSING_CODE.search(said):
            raise QueueUnavailable(f"{type(error).__name__}: {said}") from None
        raise QueueRefused(said) from None
    except (RedisError, RedisClusterException, OSError, TimeoutError) as error:
        raise QueueUnavailable(type(error).__name__) from None


def _said(error: ResponseError) -> str:
    """The server's own words. Before them a pipeline's error quotes the command, and with it the comment."""
    return str(error).rpartition("of pipeline caused error: ")[2]
