"""Reading what is stored.

pager          lists page by page
cursor         where a page ends, and what is stored beyond
unread_counts  counts that are not the number of unread messages: found, and put right
"""
