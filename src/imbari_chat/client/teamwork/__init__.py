"""What a team does with conversations beside answering them.

team            the facade: who has a conversation, labels, snoozes, blocks, notes
canned_replies  its part that is of no conversation; how all of it is signed
live            all of that as it is now, and whenever it changes
"""
