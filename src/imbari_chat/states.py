"""The states of a connection and of a message, which cores decide and events report; and ways."""

from typing import Literal, TypeAlias

__all__ = ["ConnectionState", "Delivery", "TransportName"]

ConnectionState: TypeAlias = Literal["connecting", "live", "stale", "reconnecting", "closed"]
"""``connecting``: for the first time. ``live``: what was given is what is stored. ``stale``: silent
for longer than it should be. ``reconnecting``: away, and trying. ``closed``: for good."""

Delivery: TypeAlias = Literal["queued", "sent", "held", "confirmed", "failed"]
"""``queued``: waits here and is certainly not there. ``sent``: under way, and perhaps there.
``held``: waits for a person to say whether it is still to go. ``confirmed``: there, once.
``failed``: not there, and not tried again."""

TransportName: TypeAlias = Literal["websocket", "rest"]
"""``websocket``: one for everything. ``rest``: requests, and one event stream for each listener."""
