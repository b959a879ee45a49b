"""The pictures of the desk are what it draws."""

from tools.pictures import PICTURES, pictures


def test_the_pictures_show_the_desk_as_it_is() -> None:
    """`make pictures` takes them anew."""
    for name, picture in pictures().items():
        assert (PICTURES / name).read_text("utf-8") == picture, f"{name}: run `make pictures`"
