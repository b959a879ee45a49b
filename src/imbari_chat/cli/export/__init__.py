"""``export``: conversations as files for programs, spreadsheets and people.

command   which conversations, and where to
formats   JSON Lines, CSV, Markdown and HTML
"""
