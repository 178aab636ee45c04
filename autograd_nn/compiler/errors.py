"""The error of this room."""


class CompileError(RuntimeError):
    """A step cannot be compiled, or its compiled form is not what it should be. Everything is as before the call.

    >>> step = ag.compile(lambda x: x if x.sum() > 0 else -x)
    >>> try:
    ...     step(np.ones(3))
    ... except ag.CompileError as error:
    ...     print("looks at the value" in str(error))
    True
    """

    explained = True  # an operation in which it is raised (a fused one's forward) has nothing to add
