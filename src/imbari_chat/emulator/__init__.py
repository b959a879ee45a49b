"""A stand-in for Firebase Realtime Database and Firebase Auth, in this process or its own.

    server       Emulator: both halves behind listening sockets, in one background thread
    http_server  ASGI applications behind sockets, in a thread of their own
    listening    TCP sockets, and what to say when a port cannot be had
    guard        which hosts are served, and which pages may change the emulator
    request_log  a line for each request, without secrets
    hub          which emulators run where, and exports on demand
    exports      the layout of firebase emulators:export, written and read
    transfer     an emulator's contents, taken from an export and pictured for one
    persistence  state that outlives the process
    journal      the file it is in
    watch        a file that is looked at again and again
    process      a command run beside an emulator, and an emulator run on its own
    config       firebase.json: ports and rules files
    tokens       ID tokens as the emulators write them: unsigned
    auth         the Auth half
    database     the Realtime Database half

It knows nothing of chat. Data and users live in memory and end with the emulator, unless it is
given a directory to keep them in.
"""

from imbari_chat.emulator.server import Emulator

__all__ = ["Emulator"]
