"""The security rules of Realtime Database: parse, check, decide, explain.

A pure library: the tree, the caller, the time and the query come in as arguments.
"""

from imbari_chat.rules.ruleset import Decision, Ruleset
from imbari_chat.rules.source import excerpt, report

__all__ = ["Decision", "Ruleset", "excerpt", "report"]
