"""Commands for what a team does with conversations beside answering them, one module a command.

about   what the team keeps, for commands that list and show conversations
"""
