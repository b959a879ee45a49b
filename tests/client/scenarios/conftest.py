"""Scenarios come first, and then the question what they used."""

import pytest


@pytest.hookimpl(trylast=True)  # after whatever shuffles them
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Asked first, it would run each scenario once more."""
    items.sort(key=lambda item: item.name.startswith("test_every_public_name_is_used"))
