"""The command line: ``python -m autograd_nn <command>``.

A command is one line in `COMMANDS` and a module with two functions: `add_arguments(parser)`, and `run(arguments)`, which
returns the exit status. Only the module of the command that was asked for is imported, so none pays for another's imports.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from . import __version__

COMMANDS = {
    "demo": ("autograd_nn.demo", "learn to read handwritten digits, check the gradients, draw the training curve"),
    "check": ("autograd_nn.check.certificate", "hold every operation's derivatives against finite differences"),
    "warmup": ("autograd_nn.kernels.warmup", "compile all kernels ahead, so that no first call waits for it"),
}
"""Each command's module and what it does, as `--help` says it."""


def parser_for(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of all commands, with the arguments of the one that is asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m autograd_nn",
        description="Reverse-mode automatic differentiation for people who think in NumPy.",
        epilog="'python -m autograd_nn COMMAND --help' says what a command takes.",
    )
    parser.add_argument("--version", action="version", version=f"autograd_nn {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    asked_for = next((a for a in arguments if not a.startswith("-")), None)
    for name, (module, purpose) in COMMANDS.items():
        command = commands.add_parser(name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
        if name == asked_for:
            found = importlib.import_module(module)
            found.add_arguments(command)
            command.set_defaults(run=found.run)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status: 0, 1 if a check failed, 2 for a bad request, 130 after Ctrl-C."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        parser = parser_for(given)
        parsed = parser.parse_args(given)
        if parsed.command is None:
            parser.print_help()
            return 0
        return parsed.run(parsed)
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
