"""``customer``: the widget, in a terminal or a pipe."""

from typing import Annotated

import typer

from imbari_chat.cli.options import Json, Quiet, target

__all__ = ["customer"]


def customer(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Option(help="Who you are.")] = None,
    email: Annotated[str | None, typer.Option(help="Your e-mail.")] = None,
    phone: Annotated[str | None, typer.Option(help="Your phone.")] = None,
    topic: Annotated[str | None, typer.Option(help="What it is about.")] = None,
    new: Annotated[
        bool,
        typer.Option("--new/--resume", help="Start another conversation, or go on with the last."),
    ] = False,
    wait: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=0.001,
            help="In a pipe: wait so long for an answer; exit code 124 if none comes.",
        ),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Be a customer: write, and read the answers. In a pipe each line is a message."""
    from imbari_chat.cli import event_loop
    from imbari_chat.cli.customer.lead import Lead
    from imbari_chat.cli.customer.run import run_customer

    lead = Lead(name=name, email=email, phone=phone, topic=topic)
    event_loop.run(
        run_customer(target(ctx).flags, lead, new=new, wait=wait, json=json, quiet=quiet)
    )
