"""What the desk says where something cannot be done."""

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
