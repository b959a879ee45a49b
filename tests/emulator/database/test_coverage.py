"""The coverage of the rules, over HTTP."""

import json
from collections.abc import Iterator

import httpx
import pytest

from imbari_chat.emulator import Emulator
from tests import plain_http

OWNER = {"Authorization": "Bearer owner"}
RULES = """{"rules": {"open": {".read": "auth == null", ".write": "newData.isString()"}}}"""


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    """A client of a fresh emulator, which ends with the test."""
    with (
        Emulator(rules=RULES) as emulator,
        plain_http.Client(base_url=f"http://{emulator.database_host}") as client,
    ):
        yield client


def counts(http: httpx.Client, **params: str) -> list[int]:
    answer = http.get("/.inspect/coverage.json", params=params, headers=OWNER)
    assert answer.status_code == 200
    return [rule["count"] for rule in answer.json()["coverage"]]


def test_requests_under_rules_are_counted(http: httpx.Client) -> None:
    """Reads and writes, allowed and refused; not the owner's, who stands above the rules."""
    assert counts(http) == [0, 0]
    assert http.get("/open.json").status_code == 200
    assert http.put("/open.json", content='"a"').status_code == 200
    assert http.put("/open.json", content="1").status_code == 401
    assert http.put("/open.json", content="1", headers=OWNER).status_code == 200
    assert counts(http) == [1, 2]


def test_each_database_is_counted_by_itself(http: httpx.Client) -> None:
    """Under the name it is asked for with."""
    http.get("/open.json", params={"ns": "other"})
    assert counts(http) == [0, 0]
    assert counts(http, ns="other") == [1, 0]


def test_new_rules_are_counted_anew(http: httpx.Client) -> None:
    """A dry run is not."""
    http.get("/open.json")
    text = '{"rules": {".read": true}}'
    url = "/.settings/rules.json"
    http.put(url, content=text, params={"dryRun": "true"}, headers=OWNER)
    assert counts(http) == [1, 0]
    http.put(url, content=text, headers=OWNER)
    assert counts(http) == [0]


def test_the_page_is_html_that_runs_nothing(http: httpx.Client) -> None:
    """For a browser, which can be told who asks by the address alone."""
    http.get("/open.json")
    page = http.get("/.inspect/coverage", params={"access_token": "owner"})
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert '<mark class="true"' in page.text


@pytest.mark.parametrize("path", ["/.inspect/coverage", "/.inspect/coverage.json"])
def test_coverage_is_for_the_owner(http: httpx.Client, path: str) -> None:
    """It shows rules and values."""
    refused = http.get(path)
    assert refused.status_code == 401
    assert json.loads(refused.text) == {"error": "Permission denied"}
    assert http.put(path, content="1", headers=OWNER).status_code == 405
