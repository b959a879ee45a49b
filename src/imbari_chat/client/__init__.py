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
"""

from imbari_chat.client.admin import AsyncAdminChat
from imbari_chat.client.conversation import AsyncConversation
from imbari_chat.client.customer import AsyncCustomerChat
from imbari_chat.client.sync.clients import AdminChat, Conversation, CustomerChat

__all__ = [
    "AdminChat",
    "AsyncAdminChat",
    "AsyncConversation",
    "AsyncCustomerChat",
    "Conversation",
    "CustomerChat",
]
