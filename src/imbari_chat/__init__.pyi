"""What the package offers at its top, and where it lives: read by type checkers and at run time."""

from .client.admin import AsyncAdminChat as AsyncAdminChat
from .client.conversation import AsyncConversation as AsyncConversation
from .client.customer import AsyncCustomerChat as AsyncCustomerChat
from .client.reading.pager import MessagePager as MessagePager
from .client.reading.pager import SessionPager as SessionPager
from .client.reading.unread_counts import UnreadCountMismatch as UnreadCountMismatch
from .client.status import ChatStatus as ChatStatus
from .client.sync.clients import AdminChat as AdminChat
from .client.sync.clients import BlockingPager as BlockingPager
from .client.sync.clients import Conversation as Conversation
from .client.sync.clients import CustomerChat as CustomerChat
from .config import Settings as Settings
from .errors import AccessDenied as AccessDenied
from .errors import AuthError as AuthError
from .errors import ClientClosed as ClientClosed
from .errors import ConfigError as ConfigError
from .errors import Conflict as Conflict
from .errors import ImbariError as ImbariError
from .errors import InvalidData as InvalidData
from .errors import InvalidType as InvalidType
from .errors import NotFound as NotFound
from .errors import QuotaExceeded as QuotaExceeded
from .errors import RulesError as RulesError
from .errors import SessionNotFound as SessionNotFound
from .errors import StartUnfinished as StartUnfinished
from .errors import StreamOverflow as StreamOverflow
from .errors import Unavailable as Unavailable
from .errors import WaitTimeout as WaitTimeout
from .schema import strict_rules as strict_rules
from .schema.events import ChatEvent as ChatEvent
from .schema.events import ConnectionChanged as ConnectionChanged
from .schema.events import DeliveryChanged as DeliveryChanged
from .schema.events import MessageAdded as MessageAdded
from .schema.events import MessageChanged as MessageChanged
from .schema.events import MessageRemoved as MessageRemoved
from .schema.events import RecordRejected as RecordRejected
from .schema.events import SessionAdded as SessionAdded
from .schema.events import SessionChanged as SessionChanged
from .schema.events import SessionRemoved as SessionRemoved
from .schema.forms import QUICK_TOPICS as QUICK_TOPICS
from .schema.models import Message as Message
from .schema.models import Session as Session
from .schema.outgoing import OutgoingMessage as OutgoingMessage

__all__: list[str]
__version__: str
