"""The engine: tensors, the graph they record, and the walk that differentiates it.

Read in this order: `graph` (what a recorded operation is), `op` (how one is defined), `generate` (the function that
definition becomes), `backward` (the walk). The rest are corners of the same subject.
"""
