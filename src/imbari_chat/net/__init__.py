"""asyncio shells that feed the cores: REST calls on worker threads, streams over HTTP.

transport   the seam that the client is written against
rest        reads and writes through the identity's library, one stream per listener
sse         one Server-Sent Events stream, kept alive
process     which process all this belongs to
workers     blocking calls off the event loop
store       an outbox on disk, off the event loop
store_file  its file: SQLite, set aside when it is damaged
"""
