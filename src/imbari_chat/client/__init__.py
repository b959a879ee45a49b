"""The public API: both ends of the chat, async and blocking.

admin         the admin's end: the inbox
conversation  one conversation, from the admin's end
customer      the customer's end
base          what the ends have in common: events to listen to, and a gateway to close
gateway       what both ends hold: ids, plans carried out, records read, windows followed
dispatcher    events given to handlers and waiters, in the background
status        is it alive, since when, and what is queued
transports    settings to a transport
events        windows of records to typed events
sending       messages on their way
reading       lists page by page, and counts put right
teamwork      what a team does beside answering: assign, note, label, snooze, block
sync          the same three without ``await``

Names are loaded when they are first used, as at the top of the package; ``__init__.pyi`` lists
them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
