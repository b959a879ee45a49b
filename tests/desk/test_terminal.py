"""A terminal that goes away, and whoever draws on it."""

import io
import threading

from textual.drivers._writer_thread import WriterThread

from imbari_chat.desk.terminal import Lasting


class Gone(io.StringIO):
    """A terminal whose window was closed."""

    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")


def test_nobody_waits_to_draw_on_a_terminal_that_has_gone() -> None:
    """Textual's queue holds thirty writes, and has no end without the thread that empties it."""
    told: list[bool] = []
    writing = WriterThread(Lasting(Gone(), lambda: told.append(True)))  # type: ignore[arg-type]
    writing.start()

    def draw() -> None:
        for _ in range(100):
            writing.write("row")
        writing.stop()

    drawing = threading.Thread(target=draw, daemon=True)
    drawing.start()
    drawing.join(10)
    assert not drawing.is_alive()
    assert told == [True]


def test_what_is_drawn_on_one_that_is_there_arrives() -> None:
    """As it is; and its other properties are the file's."""
    file = io.StringIO()
    lasting = Lasting(file, lambda: None)
    assert lasting.write("row") == 3
    lasting.flush()
    assert file.getvalue() == "row"
    assert lasting.isatty() is False
