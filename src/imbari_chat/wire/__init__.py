"""Realtime Database semantics without I/O, shared by the client and the emulator.

Nothing here opens a socket, reads a clock or rolls dice: time and randomness come in as
arguments. The modules, from the bottom up:

    json         what a JSON value is here, and when two of them are the same
    paths        keys, paths and their limits
    tree         the immutable tree of nodes; arrays and priorities at its edges
    values       server values: ``{".sv": ...}``
    order        how keys and values sort
    query        a query: its bounds, and its window over a node
    query_forms  how a query is written: over REST, and on a socket
    updates      writes at several paths at once, and of priorities alone
    body         the bodies of REST writes, with the service's error texts
    digest       the node hash behind ETags
    pushid       chronological ids made by clients
    sse          Server-Sent Events frames, both ways
    framing      a socket's texts: messages cut and joined
    messages     the messages of a socket, both ways
"""
