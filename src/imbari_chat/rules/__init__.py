"""The security rules of Realtime Database: parse, check, decide, explain, count.

A pure library: the tree, the caller, the time and the query come in as arguments.
"""

from imbari_chat.rules.coverage import Coverage
from imbari_chat.rules.coverage_page import coverage_page
from imbari_chat.rules.ruleset import Decision, Grounds, Ruleset
from imbari_chat.rules.source import excerpt, report

__all__ = ["Coverage", "Decision", "Grounds", "Ruleset", "coverage_page", "excerpt", "report"]
