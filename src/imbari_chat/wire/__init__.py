"""Realtime Database semantics without I/O, shared by the client and the emulator.

Nothing here opens a socket, reads a clock or rolls dice: time and randomness come in as
arguments. The modules, from the bottom up:

    json     what a JSON value is here, and when two of them are the same
    paths    keys, paths and their limits
    tree     the immutable tree of nodes; arrays and priorities at its edges
    values   server values: ``{".sv": ...}``
    order    how keys and values sort
    query    a query: its parameters, its window over a node
    updates  writes at several paths at once, and of priorities alone
    body     the bodies of REST writes, with the service's error texts
    digest   the node hash behind ETags
    pushid   chronological ids made by clients
    sse      Server-Sent Events frames, both ways
"""
