"""Docstrings by their sections."""

import inspect

import pytest

from imbari_chat.cli.docstrings import entries, named, plain, sections

TEXT = inspect.cleandoc("""
    What it is, as :class:`~imbari_chat.AdminChat` has it.

    More of it.
        as_indented()

    Args:
        name: Whose, see
            :meth:`AdminChat.open` and::

                deeper: is an example

        *more: Others: all of them.

        **options: Any.
    Returns: One of ``them``.
    Raises:
    Outside: of all.

        An example of it
    """)
BODIES = [
    (
        None,
        [
            "What it is, as :class:`~imbari_chat.AdminChat` has it.", "", "More of it.",
            "    as_indented()", "",
        ],
    ),
    (
        "Args",
        [
            "", "    name: Whose, see", "        :meth:`AdminChat.open` and::", "",
            "            deeper: is an example", "", "    *more: Others: all of them.", "",
            "    **options: Any.",
        ],
    ),
    ("Returns", ["One of ``them``."]),
    ("Raises", [""]),
    (None, ["Outside: of all.", "", "    An example of it"]),
]  # fmt: skip


def test_a_docstring_has_sections_and_what_stands_outside() -> None:
    """Empty lines and what is indented belong to what they stand in."""
    assert list(sections(TEXT)) == BODIES
    assert list(sections("")) == [(None, [])]


def test_a_section_has_entries_of_one_line_each() -> None:
    """What is indented further is no entry of its own."""
    assert list(named(BODIES[1][1])) == [
        ("name", "Whose, see :meth:`AdminChat.open` and:: deeper: is an example"),
        ("more", "Others: all of them."),
        ("options", "Any."),
    ]
    assert list(named(["", "No name."])) == []
    assert entries(TEXT, "Args")["name"] == ("Whose, see `open` and:: deeper: is an example")
    assert list(entries(TEXT, "Args")) == ["name", "more", "options"]
    assert (entries(TEXT, "Raises"), entries(TEXT, "Yields")) == ({}, {})


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("Of :class:`~a.b.C` and :meth:`C.d`, ``e``.", "Of `C` and `d`, `e`."),
        (":exc:`A` stays", ":exc:`A` stays"),
        ("    chat.open(``x``)  # :meth:`y`", "    chat.open(``x``)  # :meth:`y`"),
        ("   :data:`a.b` is indented less", "   `b` is indented less"),
    ],
)
def test_a_line_is_read_without_roles(line: str, read: str) -> None:
    """But for examples."""
    assert plain(line) == read
