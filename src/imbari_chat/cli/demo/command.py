"""``demo``: both ends together, with nothing installed."""

from typing import Annotated

import typer

from imbari_chat.cli.options import Json

__all__ = ["demo"]


def demo(
    headless: Annotated[
        bool, typer.Option("--headless", help="Without a terminal: play it out, and check it.")
    ] = False,
    customers: Annotated[int, typer.Option(min=1, max=50, help="How many write.")] = 4,
    seconds: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0.001, help="Leave after so long."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another number, other pauses.")] = 1,
    web: Annotated[
        bool, typer.Option("--web", help="With the website: chat widget and team dashboard.")
    ] = False,
    web_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of the website; 0 takes a free one.")
    ] = 0,
    json: Json = False,
) -> None:
    """See it at work: an emulator, simulated customers and the desk. Needs nothing."""
    from imbari_chat.cli.demo.run import run_demo

    code = run_demo(
        headless=headless,
        customers=customers,
        seconds=seconds,
        json=json,
        seed=seed,
        web=web,
        port=web_port,
    )
    raise typer.Exit(code)
