"""What a front end shows, as values: state, reducers, and text made safe. Draws nothing.

text      stored strings on their way to a screen
moments   instants in words
composer  a text being written, with its cursor
keys      every key and what it does, once
inbox     the live inbox: its state, and what events do to it
pressing  what a key does to the live inbox, and what it asks for
"""
