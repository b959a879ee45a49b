"""The data contract with the website, once: where records stand, what they hold, who writes what.

Reading is tolerant, record by record; writing is strict. ``database.rules.json`` is the other half
of this package.

    paths    every location, and the query each list is read with
    models   records as they are read
    forms    what a person may write, checked
    plans    actions as atomic multi-path updates
    plan_text    plans as text, for an outbox on disk
    decode   JSON to models, reporting what does not fit
    order    what comes before what
    events   what a listener hears
    presence who is there and who types: leases, and how they read at a moment
    teamwork what a team keeps beside conversations, and how it reads at a moment
    team_plans   what it does, as plans
    canned   replies that are ready, and their placeholders
"""

__all__ = ["strict_rules"]


def strict_rules() -> str:
    """The text of ``database.rules.json`` as it comes with this package: the strict profile."""
    from importlib import resources  # takes longer to import than all of this layer

    return resources.files(__name__).joinpath("database.rules.json").read_text("utf-8")
