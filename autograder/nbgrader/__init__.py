"""All that knows of nbgrader: its converters, plug-ins and gradebook, and the pages and files that are made from it.

Grades come from `autograder.grading`; nothing here decides one.
"""
