"""What the package offers at its top: every name, and no other."""

import imbari_chat


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
