"""The entry field."""

from textual.widgets import TextArea

__all__ = ["ReplyBox"]


class ReplyBox(TextArea):
    """Several lines with a cursor, undo and paste; what Enter does is its pane's affair."""

    def __init__(self) -> None:
        super().__init__(
            id="reply",
            placeholder="write a reply",
            soft_wrap=True,
            show_line_numbers=False,
            tab_behavior="focus",
            highlight_cursor_line=False,
        )
        self.cursor_blink = False  # which would draw twice a second, over any line
