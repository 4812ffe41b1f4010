"""A learning-management system's archive → submissions in nbgrader's layout.

Believes nothing that an archive says, executes nothing in it, and writes nowhere but where a submission belongs.
`archive_formats` has the table of formats and gives an archive's entries; `owners` says whose each is, `people` tells
those of one name apart, `safe_names` which names are safe, and `collect` puts the notebooks in place. `misplaced` finds
work that lies in a wrong place. `unpack` is for nbgrader's own ``zip_collect``.
"""
