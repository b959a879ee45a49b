"""What a front end shows, as values: state, reducers, and text made safe. Draws nothing.

sanitize  stored strings on their way to a screen
widths    how many columns they take, whoever counts
dates     instants in words
moments   instants as a person names them
outgoing  messages on their way, and what is said of them
inbox     what the desk knows: its state
listing   which conversations the desk lists, and in which order
seen      which messages somebody has had before their eyes
labels    a conversation, who is there and what the team keeps, in a few words
people    colleagues, and whom a name means
likeness  names that read as ours and are a customer's
reducer   what an event makes of it
"""
