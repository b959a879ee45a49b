"""The full-screen desk, on Textual. State and what changes it are in :mod:`imbari_chat.view`.

app                the desk itself: the panes, which conversation is open, leaving
store              what it knows and shows, and who is told of changes
older              the conversations behind the window
streams            what feeds the store
talk               the open conversation: entered, followed, replied to
reading            read means seen
away               the terminal is an editor's for a while
sending            drafts, and replies on their way
drafts             what is written and not sent, on disk
leaving            replies on their way are given a moment
keys               every key and what it does, once
inbox_pane         the list and its search, with their keys
list_pane          the conversations, and their keys
list_rows          two lines of the list
conversation_pane  the open conversation and the reply to it, with their keys
transcript         what was said, drawn
reply_box          the entry field
frame              the lines around the panes, and how all is laid out
bar                one of those lines
cells              text whose width terminals disagree on, kept in its columns
plain              a locale without UTF-8
prompts            questions over the desk
asking             a question asked, and what came of it
text_page          help and notes over the desk
teamwork           what is done with a conversation beside answering it
handover           to whom a conversation is handed over
notifier           bell, title, desktop notification
"""
