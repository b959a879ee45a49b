"""The Realtime Database half of the emulator.

A core that is told the time and never touches a socket, from the bottom up:

    refusal        a request the database turns down: status and text
    limits         how much one request may carry
    changes        what one write asks for, and the tree it makes
    windows        what a query sees of a node
    events         what a listener is told, and the forms in which it is written
    listeners      which event a write owes to whom
    namespace      one database: its tree, its rules, its listeners
    databases      all of them, by name
    credentials    who is asking
    commits        a write carried out, whichever way it came
    requests       an HTTP request read into an operation
    responses      a result written as an HTTP answer
    service        an operation carried out
    on_disconnect  what a socket wants written when it has ended
    peer           the server's end of one socket

and a thin shell around it:

    delivery       events on their way to whoever they are owed to
    streams        one open event stream: its buffer and its end
    sockets        one open socket: its reader, its queue and its end
    app            the ASGI application
"""
