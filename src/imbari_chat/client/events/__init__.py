"""From values to events.

diff          a window of records, compared with what was already delivered
own_messages  what is written here, among what a window tells
event_stream  following a window through every outage
new_messages  which messages of the inbox's conversations are new
"""
