"""What the package offers at its top: every name, and no other."""

import ast
import dataclasses
import inspect
import re
import sys
import textwrap
import types

import pytest
from pydantic import BaseModel

import imbari_chat

PUBLIC = set(imbari_chat.__all__)
CLASSES = [one for name in sorted(PUBLIC) if inspect.isclass(one := getattr(imbari_chat, name))]


def test_every_public_name_is_there() -> None:
    """Each is imported from where it lives when it is first asked for."""
    assert len(imbari_chat.__all__) > 30
    for name in imbari_chat.__all__:
        assert getattr(imbari_chat, name) is not None, name


def test_dir_lists_the_public_names() -> None:
    """For completion at a prompt."""
    assert dir(imbari_chat) == sorted(imbari_chat.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As for any module."""
    assert not hasattr(imbari_chat, "nothing")


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_what_is_taken_or_returned_has_a_public_name(kind: type) -> None:
    """Whoever passes it on annotates a function of theirs with it."""
    for base in kind.__mro__:
        if not base.__module__.startswith("imbari_chat"):
            continue
        ours = _names_of_the_package(sys.modules[base.__module__])
        (made,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(made, ast.ClassDef)
        for member in made.body:
            if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef) and member.name[0] != "_":
                assert _annotations(member) & ours <= PUBLIC, member.name


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_what_is_told_is_never_written_to(kind: type) -> None:
    """Whoever is given a record or an event may keep it: others have been given the same.

    And they may keep many of them.
    """
    if dataclasses.is_dataclass(kind):
        made = object.__new__(kind)
        assert not hasattr(made, "__dict__")
        for field in dataclasses.fields(kind):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(made, field.name, None)
    elif issubclass(kind, BaseModel):
        assert kind.model_config.get("frozen")


def _names_of_the_package(module: types.ModuleType) -> set[str]:
    """Names of the package that a module knows: those it imports, and its own."""
    names: set[str] = set()
    for one in ast.parse(inspect.getsource(module)).body:
        match one:
            case ast.ImportFrom(module=str(where)) if where.startswith("imbari_chat"):
                names |= {alias.name for alias in one.names}
            case ast.ClassDef() | ast.AnnAssign(target=ast.Name()):
                names.add(one.name if isinstance(one, ast.ClassDef) else ast.unparse(one.target))
    return names


def _annotations(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Every word in a signature's annotations."""
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    annotations = [one.annotation for one in arguments] + [function.returns]
    return set(re.findall(r"\w+", " ".join(ast.unparse(one) for one in annotations if one)))
