"""What keeps a jail from being built."""


class JailError(Exception):
    """A wall that cannot be built on this machine. The message says what is missing and what to do."""
