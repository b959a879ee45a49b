"""Messages on their way.

outbox        sends, looks and waits for as long as anything is pending
on_disk       what the outbox keeps so that it outlives the program
entry         one message with what it takes to send it
ids           fresh ids that sort after all that was seen
last_words    what a program takes with it that never closes
server_clock  the server's time, as far as own writes tell it
"""
