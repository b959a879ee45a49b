"""Reading what is stored.

pager          lists page by page
cursor         where a page ends, and what is stored beyond
newest         the end of a conversation, read back as far as need be
marking        what was read is marked so, beside colleagues
unread_counts  counts that are not the number of unread messages: found, and put right
"""
