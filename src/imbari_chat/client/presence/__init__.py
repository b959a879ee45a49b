"""Who is there and who types: said of oneself, and heard of others.

    announcer   gives one's own sign of life, renews it, and has the service take it away
    watcher     what others' signs say, as events
    presence    the two of them for one client, and what becomes of them when the rules refuse

Nothing here ever stops a message: what cannot be said or heard is left.
"""

__all__: list[str] = []
