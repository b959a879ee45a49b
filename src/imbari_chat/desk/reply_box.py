"""The entry field: Textual's text area, with keys of our own before its."""

from textual.widgets import TextArea

from imbari_chat.desk.keys import bindings

__all__ = ["ReplyBox"]


class ReplyBox(TextArea):
    """Several lines with a cursor, undo and paste; what Enter does is the desk's affair."""

    BINDINGS = bindings("reply")  # Textual's own way

    def __init__(self) -> None:
        super().__init__(id="reply", soft_wrap=True, show_line_numbers=False, tab_behavior="focus")
