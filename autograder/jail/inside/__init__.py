"""What runs inside the wall, beside `autograder.measure` and `autograder.jail.protocol`.

It may import nothing else of ours.
"""
