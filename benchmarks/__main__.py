"""`python -m benchmarks NAME`: each benchmark is a module of this folder with a `main(arguments)`."""

from __future__ import annotations

import argparse
import importlib
import sys

BENCHMARKS = {
    "overhead": "what one operation costs: recorded calls, chains, scalar graphs, a tiny network, importing",
    "check": "checking the gradients of a million parameters, and finding a wrong operation in a long chain",
    "training": "whole training steps of eight networks",
    "scalars": "what an operation on single numbers costs in a compiled training step",
    "transforms": "gradients, Jacobians and Hessians of NumPy code; random numbers and dropout",
    "optimizers": "one step of an optimizer beside PyTorch's fused and foreach, over few, some and many arrays",
    "kernels": "convolution and pooling over the layer shapes of well-known networks",
    "ops": "every kind of operation, forward and backward, from 4 to 4 million elements",
}


def main(arguments: list[str]) -> int:
    listing = "\n".join(f"  {name:<12} {what}" for name, what in BENCHMARKS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Time autograd_nn beside whichever peers are installed (pip install 'autograd_nn[benchmarks]').",
        epilog=f"benchmarks:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=BENCHMARKS, help="which one")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="its own options (NAME --help)")
    chosen = parser.parse_args(arguments)
    return importlib.import_module(f"benchmarks.{chosen.name}").main(chosen.rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
