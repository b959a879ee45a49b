"""What the desk says where something cannot be done, and which keys it names."""

from tests.desk.desks import Chat, opened, until
from tests.view.records import session


async def _unedited(text: str) -> str:
    return text


async def test_where_no_editor_can_be_opened_it_is_said() -> None:
    """The desk goes on as before."""
    async with opened(Chat(session("amina"))) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: app.store.opened is not None)
        app._edit = _unedited
        app.action_editor()
        notice = app.store.state.notice
        assert notice is not None
        assert (notice.text, notice.is_error) == ("No editor can be opened in this terminal", True)


async def test_the_keys_that_are_named_are_those_of_the_place() -> None:
    """Of the list, of the search, and of the list again."""
    async with opened(Chat(session("amina"))) as (app, pilot):
        places = [app._key_place]
        await pilot.press("slash")
        places.append(app._key_place)
        await pilot.press("escape")
        places.append(app._key_place)
        assert places == ["list", "search", "list"]
