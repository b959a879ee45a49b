"""Typed Python client for the Imbari Coffee customer chat on Firebase Realtime Database.

::

    from imbari_chat import AdminChat

    with AdminChat.from_env() as desk:
        for session in desk.sessions(status="active"):
            print(session.customer_name, session.unread_count)

Names are loaded when they are first used, so that importing the package costs next to nothing;
``__init__.pyi`` lists them.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
