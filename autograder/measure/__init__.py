"""What a call did: its value, its work in interpreter steps and tensor operators; and what source says, read alone.

Both sides of the jail's wall use it, so it imports nothing else of this package.
"""
