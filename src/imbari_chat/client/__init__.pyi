"""What there is of the public API, and where: read by type checkers and at run time."""

from .admin import AsyncAdminChat as AsyncAdminChat
from .conversation import AsyncConversation as AsyncConversation
from .customer import AsyncCustomerChat as AsyncCustomerChat
from .sync.clients import AdminChat as AdminChat
from .sync.clients import Conversation as Conversation
from .sync.clients import CustomerChat as CustomerChat
