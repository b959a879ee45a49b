"""The full-screen desk, on Textual. State and what changes it are in :mod:`imbari_chat.view`.

cells       text whose width terminals disagree on, kept in its columns
talk        the open conversation: entered, followed, replied to
drafts      what is written and not sent, on disk
keys        every key and what it does, once
list_pane   the list of conversations
transcript  what was said
reply_box   the entry field
help_page   every key, from the table
app         the desk itself: streams, keys and intents
"""
