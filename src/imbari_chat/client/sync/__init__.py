"""The blocking face of the client.

clients  the same names as the async ones, without ``await``
base     what they have in common
portal   the thread that runs their event loop
"""
