"""The public API: both ends of the chat, async and blocking.

admin         the admin's end: the inbox
conversation  one conversation, from the admin's end
customer      the customer's end
blocking      the same three without ``await``
channel       what both ends hold: ids, plans carried out, records read, windows followed
outbox        messages on their way
feeds         windows of records to typed events
connect       settings to a transport: who is asking, and how
portal        the thread that runs the blocking twins' event loop
"""

from imbari_chat.client.admin import AsyncAdminChat
from imbari_chat.client.blocking import AdminChat, Conversation, CustomerChat
from imbari_chat.client.conversation import AsyncConversation
from imbari_chat.client.customer import AsyncCustomerChat

__all__ = [
    "AdminChat",
    "AsyncAdminChat",
    "AsyncConversation",
    "AsyncCustomerChat",
    "Conversation",
    "CustomerChat",
]
