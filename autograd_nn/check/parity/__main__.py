"""``python -m autograd_nn.check.parity --programs 100000``: random programs against PyTorch; prints the seed of any mismatch."""

from __future__ import annotations

import argparse
import collections
import sys
import time

from .compare import mismatches, shrunk
from .programs import Program, write


def verdict(program: Program) -> list[str]:
    """What is wrong with a program, and the least program of which it is; empty if nothing is."""
    try:
        found = mismatches(program)
        program = shrunk(program) if found else program
        found = mismatches(program) if found else []
    except Exception as error:  # one side does not run
        found = [f"{type(error).__name__}: {error}"]
    return [*found, str(program)] if found else []


def main(arguments: list[str] | None = None) -> int:
    """Run programs; 0 if all agree, 1 if one does not."""
    parser = argparse.ArgumentParser(prog="python -m autograd_nn.check.parity", description=__doc__)
    parser.add_argument("--programs", type=int, default=1000, help="how many (default 1000)")
    parser.add_argument("--seed", type=int, default=0, help="of the first one; the next ones follow")
    parser.add_argument("--large", action="store_true", help="only programs with arrays of up to 100,000 elements")
    chosen = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(1)
    start, wrong, steps, counts = time.perf_counter(), 0, 0, collections.Counter[str]()
    for seed in range(chosen.seed, chosen.seed + chosen.programs):
        program = write(seed, chosen.large or None)
        steps += len(program.lines)
        counts.update(line.step.name for line in program.lines)
        found = verdict(program)
        if found:
            wrong += 1
            print(f"\nseed {seed}", *found, sep="\n", flush=True)
        if (seed - chosen.seed) % 1000 == 999:
            print(
                f"{seed - chosen.seed + 1} programs, {wrong} mismatches, {time.perf_counter() - start:.0f} s",
                flush=True,
            )
    print(
        f"{chosen.programs} programs against PyTorch {torch.__version__}: {wrong} mismatches in "
        f"{time.perf_counter() - start:.0f} s; {steps} steps of {len(counts)} kinds"
    )
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
