"""The error of this room."""


class CompileError(RuntimeError):
    """A step cannot be compiled, or its compiled form is not what it should be. The state is as before the call."""
