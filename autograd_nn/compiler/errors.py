"""The error of this room."""


class CompileError(RuntimeError):
    """A step cannot be compiled, or its compiled form is not what it should be. The state is as before the call.

    >>> step = ag.compile(lambda x: x * 2.0 if x.sum() > 0.0 else x)
    >>> try:
    ...     step(ag.ones(3))
    ... except ag.CompileError as error:
    ...     print(str(error).splitlines()[-1].strip())
    Choose with ag.where, return the Tensor and look at it outside, or leave this step uncompiled.
    """
