"""Working on items: claim, take, renew, release, hold, hand on, decide, undo. Ids stand in the body: they may hold any character."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from moderation.accounts.records import Principal
from moderation.accounts.roles import Capability
from moderation.events import Verdict, VerdictKind
from moderation.review.records import HORIZON, Claim, proof
from moderation.web.access import needs, require
from moderation.web.answers import Step, Until
from moderation.web.api_queue import Level, Wired, only
from moderation.web.schema import answer, answers

Decider = Annotated[Principal, needs(Capability.DECIDE)]
Facet = Annotated[str | None, Field(max_length=64)]
Lease = Annotated[float | None, Field(ge=5, le=86400, allow_inf_nan=False, description="Seconds; the server's own when left out.")]

router = APIRouter(tags=["work"])


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Ask(_Body):
    """Which items, and how many."""

    count: int = Field(1, ge=1, le=100)
    lease: Lease = None
    site: Facet = None
    section: Facet = None
    category: Facet = None
    lang: Facet = None
    level: Level = "first"


class One(_Body):
    """A certain comment."""

    comment_id: str = Field(min_length=1, max_length=200)
    lease: Lease = None


class Held(_Body):
    """What a claim was: its proof."""

    comment_id: str = Field(min_length=1, max_length=200)
    version: int = Field(ge=0, le=2**53, description="`version` of the claim.")
    revision: int = Field(1, ge=1, le=2**53, description="`revision` of the comment you saw.")

    def claim(self, who: Principal) -> Claim:
        """As the queue takes it."""
        return proof(self.comment_id, version=self.version, revision=self.revision, moderator=who.id)


class Renewal(Held):
    lease: Lease = None


class Pause(Held):
    seconds: float = Field(ge=1, le=30 * 86400, allow_inf_nan=False, description="How long nobody is given it.")


class Handing(Held):
    to: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$", description="Pseudonymous id of the moderator who gets it next.")
    seconds: float = Field(HORIZON, ge=1, le=30 * 86400, allow_inf_nan=False, description="After that it is everybody's again.")


class Deciding(Held):
    verdict: VerdictKind
    reason: str | None = Field(None, pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="A short code: harassment, incitement, …")


@router.post("/claim", response_class=Response, responses=answers(Claim, "The most urgent that fit; none when nothing does.", many=True))
async def claim(body: Ask, who: Decider, parts: Wired) -> Response:
    """Up to `count` items are yours until the lease runs out."""
    if body.level != "first":
        require(who, Capability.OVERRULE)
    which = only(body.site, body.section, body.category, body.lang, body.level)
    return answer(await parts.queue.claim(who.id, count=body.count, lease=body.lease or parts.lease, only=which))


@router.post("/take", response_class=Response, responses=answers(Claim, "It is yours."))
async def take(body: One, who: Decider, parts: Wired) -> Response:
    """A certain item. 409 `lease-lost` says who has it."""
    if (await parts.queue.status(body.comment_id)).escalated:
        require(who, Capability.OVERRULE)
    return answer(await parts.queue.take(who.id, body.comment_id, lease=body.lease or parts.lease))


@router.post("/renew", response_class=Response, responses=answers(Until, "The lease's new end."))
async def renew(body: Renewal, who: Decider, parts: Wired) -> Response:
    """The lease begins anew."""
    return answer(Until(until=(await parts.queue.renew(body.claim(who), lease=body.lease or parts.lease)).until))


@router.post("/release", response_class=Response, responses=answers(Step, "Back in its place."))
async def release(body: Held, who: Decider, parts: Wired) -> Response:
    """Give it back undecided."""
    await parts.queue.release(body.claim(who))
    return answer(Step(comment_id=body.comment_id))


@router.post("/hold", response_class=Response, responses=answers(Until, "Until when."))
async def hold(body: Pause, who: Decider, parts: Wired) -> Response:
    """Put it aside for everybody."""
    return answer(Until(until=await parts.queue.hold(body.claim(who), body.seconds)))


@router.post("/hand-on", response_class=Response, responses=answers(Until, "Until when it is theirs alone."))
async def hand_on(body: Handing, who: Decider, parts: Wired) -> Response:
    """Put it aside for one moderator."""
    return answer(Until(until=await parts.queue.hand_off(body.claim(who), body.to, seconds=body.seconds)))


@router.post("/resolve", response_class=Response, responses=answers(Verdict, "The verdict, as it leaves for Kafka."))
async def resolve(body: Deciding, who: Decider, parts: Wired) -> Response:
    """Decide: approve, reject or escalate. The same call again gives the same answer; 409 says who was first."""
    return answer(await parts.queue.resolve(body.claim(who), body.verdict, body.reason))


@router.post("/escalate", response_class=Response, responses=answers(Verdict, "The verdict; the item waits one level up."))
async def escalate(body: Held, who: Decider, parts: Wired) -> Response:
    """The same as resolving with `escalate`."""
    return answer(await parts.queue.resolve(body.claim(who), VerdictKind.ESCALATE))


@router.post("/undo", response_class=Response, responses=answers(Claim, "It is yours again."))
async def undo(body: One, who: Decider, parts: Wired) -> Response:
    """Take back the last verdict: your own, or as a lead anybody's. 409 `too-late` after MODERATION_UNDO_SECONDS."""
    if (await parts.queue.status(body.comment_id)).moderator != who.id:
        require(who, Capability.OVERRULE)
    return answer(await parts.queue.undo(who.id, body.comment_id, lease=body.lease or parts.lease))
