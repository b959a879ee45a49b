"""A stand-in for Firebase Realtime Database and Firebase Auth, in this process or its own.

    server     Emulator: both halves behind two listening sockets, in one background thread
    hosting    ASGI applications behind sockets, in a thread of their own
    process    a command run beside an emulator, and an emulator run on its own
    config     firebase.json: ports and the rules file
    tokens     ID tokens as the emulators write them: unsigned
    auth       the Auth half
    database   the Realtime Database half

It knows nothing of chat. Data and users live in memory and end with the emulator.
"""

from imbari_chat.emulator.server import Emulator

__all__ = ["Emulator"]
