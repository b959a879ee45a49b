"""From values to events.

diff          a window of records, compared with what was already delivered
event_stream  following a window through every outage
new_messages  which messages of the inbox's conversations are new
"""
