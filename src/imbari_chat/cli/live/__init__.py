"""The live inbox on a terminal: drawn from the view's state, fed by streams and keys.

cells      text measured in cells
listing    the list of conversations
dialogue   the open conversation and the entry field
screen     the whole screen
keyboard   prompt_toolkit's key presses as the view's keys
terminal   the terminal taken over, and given back
remains    what had not arrived when it ended, given back
shell      the loop: streams, keys and intents; :func:`~imbari_chat.cli.live.shell.run_live_inbox`
"""
