"""The classes of all commands: help is output like any other, and wrong usage names its command."""

from __future__ import annotations

import click

from acrsync.cli import output


class Command(click.Command):
    """A command whose help survives a full disk or a closed pipe, and whose parser reports the command."""

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _print_help
        return option

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as failure:
            failure.ctx = failure.ctx or ctx  # click's parser leaves it out for some errors
            raise


class Group(Command, click.Group):
    """A command with commands of its own."""

    command_class = Command


def _print_help(context: click.Context, _option: click.Parameter, requested: bool) -> None:
    if requested and not context.resilient_parsing:
        output.answer(context.get_help() + "\n")
        context.exit()
