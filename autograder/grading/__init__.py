"""Assignment × submission → report: one submission, or a class on this machine's cores, through a store of reports.

Nothing here knows of nbgrader or of a gradebook.
"""
