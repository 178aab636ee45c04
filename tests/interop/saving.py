"""Saves again and again, for the tests that kill it: `python saving.py PATH SIZE WHERE`.

State number k is an array full of k, and the number k. WHERE is a function of `os` at which to say so and
wait, in the second save.
"""

import os
import sys
import time

import numpy as np

import autograd_nn as ag

path, size, where = sys.argv[1], int(sys.argv[2]), sys.argv[3]
for k in range(1_000_000):
    if k == 1 and where != "anywhere":

        def wait(*arguments):
            print("here", flush=True)
            time.sleep(60)

        setattr(os, where, wait)
    ag.save({"array": np.full(size, k, np.float64), "number": k}, path)
    if k == 0:
        print("saved", flush=True)
