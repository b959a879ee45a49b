"""The outbox: messages on their way, in order, each exactly once.

Theory of operation. Messages of one lane (a conversation) go out in the order they were put in;
while one is under way, those behind it wait. Lanes do not wait for each other. While as many
updates are under way as may be, what is due gathers, and goes out as one atomic update when one is
answered. The core is told what became of each attempt and answers with effects; the shell sends,
looks and waits.

    queued --Send--> sent --committed--> confirmed
       ^              | unreachable, certainly not sent (and not kept  --> failed)
       +--------------+
                      | no answer: it may have been committed   --> Look --present--> confirmed
                      |                                                 --absent---> Send again
                      |                                                 --barred---> Look later
                      | refused by the rules                     --> Look --present--> confirmed
                      |                                                 --absent---> failed
                      | over quota, token refused    --> as if unreachable
                      | refused together with others --> queued, alone
                      | refused otherwise                                        --> failed

    queued, or found to be absent --hold, or stale--> held --release--> queued

What an earlier program left behind is taken over with :meth:`OutboxCore.restore`: what it had tried
is looked for first, and what is older than the policy's ``stale_after`` is held. A held message
waits for a person, and so do those behind it in its lane, because their order stands.

A message is write-once under the rules, so sending again can at worst be refused, and a look then
tells that the refusal was the echo of an earlier try. Being offline is not an error: what cannot
be sent waits, with a growing pause between tries, until :meth:`OutboxCore.online` or the clock
says to try again. Whoever cannot wait asks for a message not to be kept.
"""

from collections.abc import Callable
from dataclasses import dataclass

from imbari_chat.engine.backoff import Backoff
from imbari_chat.engine.delivery import (
    Delivered,
    Look,
    OutboxEffect,
    OutboxPolicy,
    Send,
)
from imbari_chat.engine.refusals import Remedy, remedy
from imbari_chat.errors import AccessDenied, ImbariError, Unavailable
from imbari_chat.states import Delivery

__all__ = [
    "Delivered",
    "Look",
    "OutboxCore",
    "OutboxEffect",
    "OutboxPolicy",
    "Send",
]


@dataclass(slots=True)
class _Entry:
    key: str
    lane: str
    keep: bool = True
    asks: bool = False
    delivery: Delivery = "queued"
    due: float = 0.0
    under_way: bool = False
    update: int | None = None
    together: bool = False
    alone: bool = False
    must_look: bool = False
    in_doubt: bool = False
    unseen: bool = False
    refusal: ImbariError | None = None
    refusals: int = 0
    sign_ins: int = 0


class OutboxCore:
    """Decides what to send when. Feed it facts, then :meth:`drain` the effects.

    Args:
        random: Uniformly random numbers in [0, 1).
        policy: How fast messages may go.
    """

    def __init__(self, random: Callable[[], float], policy: OutboxPolicy | None = None) -> None:
        self._policy = policy or OutboxPolicy()
        self._random = random
        self._backoff = Backoff(self._policy.backoff)
        self._entries: dict[str, _Entry] = {}
        self._lanes: dict[str, list[str]] = {}
        self._lane_due: dict[str, float] = {}
        self._updates: dict[int, set[str]] = {}
        self._serial = 0
        self._paused_until: float | None = None
        self._effects: list[OutboxEffect] = []

    @property
    def pending(self) -> dict[str, Delivery]:
        """What is neither confirmed nor failed, in the order it was put in."""
        return {key: entry.delivery for key, entry in self._entries.items()}

    def drain(self) -> list[OutboxEffect]:
        """The effects since the last call, in order.

        Where a message is comes once, as it is by now, in the place of the first word on it: so
        messages are heard of in the order in which they were put in.
        """
        effects, self._effects = self._effects, []
        latest = {one.key: one for one in effects if isinstance(one, Delivered)}
        return [
            latest.pop(one.key) if isinstance(one, Delivered) else one
            for one in effects
            if not isinstance(one, Delivered) or one.key in latest
        ]

    @property
    def is_full(self) -> bool:
        """Whether as many wait as may."""
        return len(self._entries) >= self._policy.most

    @property
    def is_moving(self) -> bool:
        """Whether anything is on its way that no person is asked about."""
        return any(one.delivery != "held" for one in self._heads())

    def goes_at_once(self, lane: str, now: float) -> bool:
        """Whether a message that is put into this lane now is sent now."""
        return (
            lane not in self._lanes
            and self._paused_until is None
            and len(self._updates) < self._policy.most_under_way
            and self._lane_due.get(lane, now) <= now
        )

    def deadline(self) -> float | None:
        """When :meth:`tick` is due, in monotonic seconds; None if nothing waits for the clock."""
        return min((entry.due for entry in self._waiting()), default=None)

    def put(self, key: str, lane: str, now: float, *, keep: bool = True) -> None:
        """Take a message; it goes out after those of its lane.

        Args:
            key: The message.
            lane: Its conversation.
            now: Monotonic seconds.
            keep: Whether it waits while the service cannot be reached, or fails then.
        """
        self._add(_Entry(key, lane, keep, due=self._lane_due.get(lane, now)))
        self.tick(now)

    def restore(
        self, key: str, lane: str, now: float, *, tried: bool, age: float, held: bool = False
    ) -> None:
        """Take over what an earlier program, or another, has left; it goes out after its lane.

        Args:
            key: The message.
            lane: Its conversation.
            now: Monotonic seconds.
            tried: Whether it may be there; then it is looked for first.
            age: Since when it waits by the wall clock, in seconds. A clock that was moved may make
                it anything: what is too old, or from a future as far, is held, and never dropped.
            held: Whether it waited for a person.
        """
        asks = held or abs(age) > self._policy.stale_after
        entry = _Entry(key, lane, asks=asks, due=now, must_look=tried, in_doubt=tried)
        entry.unseen = tried
        entry.delivery = "sent" if tried else "held" if asks else "queued"
        self._add(entry)
        self.tick(now)

    def hold(self, key: str, now: float) -> None:
        """Do not send it before a person says so. What may be there is looked for all the same."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.asks = True
            if not entry.under_way:
                entry.must_look = entry.must_look or entry.in_doubt
                self._try_again(entry, now, now)

    def aged(self, key: str, now: float) -> None:
        """It was to be sent, has grown stale, and was not handed over: hold it."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.asks = True
            self._try_again(entry, now, now)

    def release(self, key: str, now: float) -> None:
        """A person says that a held message may go."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.asks = False
            if entry.delivery == "held":
                entry.must_look = entry.in_doubt
                self._become(entry, "sent" if entry.in_doubt else "queued")
                entry.due = max(now, self._lane_due.get(entry.lane, now))
                self.tick(now)

    def tick(self, now: float) -> None:
        """A deadline may have passed."""
        if not self._entries:
            return
        for entry in self._waiting():
            if entry.must_look and entry.due <= now:
                entry.under_way = True
                self._effects.append(Look(entry.key))
        while len(self._updates) < self._policy.most_under_way and (due := self._due(now)):
            self._send(due)

    def committed(self, key: str, now: float) -> None:
        """The service said yes."""
        entry = self._answered(key, now)
        if entry is not None:
            self._settle(entry, "confirmed", now)

    def looked(self, key: str, now: float, *, present: bool) -> None:
        """The service said whether the message is stored."""
        entry = self._answered(key, now)
        if entry is None:
            return
        entry.must_look = entry.unseen = False
        if present:
            self._settle(entry, "confirmed", now)
        elif entry.refusal is None:
            self._try_again(entry, now, now)
        elif entry.refusals > self._policy.second_chances:
            self._settle(entry, "failed", now, entry.refusal)
        else:
            entry.refusal = None
            self._try_again(entry, now + self._policy.interval, now)

    def barred(self, key: str, now: float) -> None:
        """Nobody may look whether the message is stored.

        As long as nobody has looked since a try got no answer, it may be: rules may be others by
        and by, so that is looked for again. Otherwise what one wrote oneself one may read.
        """
        entry = self._entries.get(key)
        if entry is None or not entry.unseen:
            self.looked(key, now, present=False)
            return
        self._answered(key, now)
        self._try_again(entry, now + self._policy.backoff.cap, now)

    def refused(self, key: str, error: ImbariError, now: float) -> None:
        """The service said no.

        What the rules refuse may be the echo of an earlier try, so that is looked for. A quota
        that is used up fills again, and a credential may be taken again; any other refusal is
        final, also that of a sign-in that is over.
        """
        entry = self._entries.get(key)
        if entry is None:
            return
        if remedy(error) is Remedy.RENEW:
            entry.sign_ins += 1
        if self._may_pass(entry, error):
            if not (entry.must_look or entry.in_doubt):
                self._become(entry, "queued")
            self._try_later(entry, now, error.retry_after)
            return
        self._answered(key, now)
        if entry.together and not entry.must_look:
            # It need not be this one that the service does not want.
            entry.alone = True
            if not entry.in_doubt:
                self._become(entry, "queued")
            self._try_again(entry, now, now)
        elif isinstance(error, AccessDenied) and not entry.must_look:
            entry.refusal = error
            entry.refusals += 1
            entry.must_look = True
            self._try_again(entry, now, now)
        else:
            self._settle(entry, "failed", now, error)

    def unreachable(self, key: str, error: Unavailable, now: float) -> None:
        """No answer. If the message may have been committed, look before sending again."""
        entry = self._entries.get(key)
        if entry is None:
            return
        # A try without an answer may still arrive, whatever becomes of those after it.
        entry.in_doubt = entry.in_doubt or error.outcome_unknown
        entry.unseen = entry.unseen or error.outcome_unknown
        if entry.in_doubt:
            entry.must_look = True
        elif not entry.must_look:
            if not entry.keep:
                self._settle(entry, "failed", now, error)
                return
            self._become(entry, "queued")
        self._try_later(entry, now, error.retry_after)

    def used(self, lane: str, now: float) -> None:
        """A message of this lane went out another way just now; the next waits its interval."""
        self._lane_due[lane] = now + self._policy.interval

    def withdraw(self, key: str, now: float) -> None:
        """Give a message up, if it is not settled."""
        entry = self._entries.get(key)
        if entry is not None:
            self._remove(entry, now)

    def online(self, now: float) -> None:
        """Somebody knows that the service can be reached: do not wait any longer."""
        self._paused_until = None
        for entry in self._heads():
            if not entry.under_way:
                entry.due = max(min(entry.due, now), self._lane_due.get(entry.lane, now))
        self.tick(now)

    def _may_pass(self, entry: _Entry, error: ImbariError) -> bool:
        """Whether the same message may be taken later."""
        if not entry.keep:
            return False
        match remedy(error):
            case Remedy.WAIT:
                return True
            case Remedy.RENEW:
                return entry.sign_ins < self._policy.sign_in_tries
            case Remedy.NOTHING:
                return False

    def _add(self, entry: _Entry) -> None:
        self._entries[entry.key] = entry
        self._lanes.setdefault(entry.lane, []).append(entry.key)
        self._effects.append(Delivered(entry.key, entry.delivery))

    def _heads(self) -> list[_Entry]:
        return [self._entries[keys[0]] for keys in self._lanes.values()]

    def _waiting(self) -> list[_Entry]:
        """Heads of lanes that only the clock keeps from going out."""
        full = len(self._updates) >= self._policy.most_under_way
        return [
            one
            for one in self._heads()
            if not (one.under_way or one.delivery == "held") and (one.must_look or not full)
        ]

    def _due(self, now: float) -> list[_Entry]:
        """What may go out as one update now, in the order it was put in."""
        due: list[_Entry] = []
        held_up: set[str] = set()
        for entry in self._entries.values():
            if entry.lane in held_up:
                continue
            waits = entry.must_look or entry.delivery == "held" or entry.due > now
            if entry.under_way or waits or (entry.alone and due):
                held_up.add(entry.lane)
                if len(held_up) == len(self._lanes):
                    break
                continue
            due.append(entry)
            if entry.alone or len(due) == self._policy.batch or self._policy.interval:
                break
        return due

    def _send(self, entries: list[_Entry]) -> None:
        self._serial += 1
        self._updates[self._serial] = {one.key for one in entries}
        for one in entries:
            one.under_way, one.update, one.together = True, self._serial, len(entries) > 1
            self._become(one, "sent")
        self._effects.append(Send(tuple(one.key for one in entries)))

    def _landed(self, entry: _Entry) -> None:
        """Its update or its look is over."""
        entry.under_way = False
        if entry.update is not None:
            others = self._updates[entry.update]
            others.discard(entry.key)
            if not others:
                del self._updates[entry.update]
            entry.update = None

    def _answered(self, key: str, now: float) -> _Entry | None:
        """The service can be reached: whatever waits for it need not."""
        entry = self._entries.get(key)
        if entry is not None:
            self._backoff.reset()
            if self._paused_until is not None:
                entry.under_way = True  # its own turn comes when the answer has been digested
                self.online(now)
        return entry

    def _try_later(self, entry: _Entry, now: float, asked: float | None) -> None:
        """After the pause; whatever else fails during it waits no longer, unless it is asked to."""
        until = self._paused_until
        if until is None or until <= now:
            until = now + self._backoff.next(self._random())
        self._paused_until = max(until, now + (asked or 0.0))
        self._try_again(entry, self._paused_until, now)

    def _try_again(self, entry: _Entry, due: float, now: float) -> None:
        self._landed(entry)
        entry.due = due
        if entry.asks and not entry.must_look:
            self._become(entry, "held")
        self.tick(now)

    def _settle(
        self, entry: _Entry, delivery: Delivery, now: float, error: ImbariError | None = None
    ) -> None:
        self._become(entry, delivery, error)
        self._remove(entry, now)

    def _remove(self, entry: _Entry, now: float) -> None:
        self._landed(entry)
        del self._entries[entry.key]
        lane = self._lanes[entry.lane]
        lane.remove(entry.key)
        self._lane_due[entry.lane] = now + self._policy.interval
        if lane:
            self._entries[lane[0]].due = self._lane_due[entry.lane]
        else:
            del self._lanes[entry.lane]
        self.tick(now)

    def _become(self, entry: _Entry, delivery: Delivery, error: ImbariError | None = None) -> None:
        if entry.delivery != delivery:
            entry.delivery = delivery
            self._effects.append(Delivered(entry.key, delivery, error))
