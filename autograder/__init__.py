"""The harness: grades notebooks of any nbgrader course in a jail.

Its rooms, each of which imports only from those above it (`tests/test_house.py` keeps it so):

course     what an assignment, a submission, a verdict and a report are
measure    what a call did: its value, its work; what source says
suite      the test dialect, and its runner
jail       runs student code where it can return values and do nothing else
grading    assignment × submission → report; keys, store, and where tasks run
pages      how students are shown things in HTML
check      what a notebook's check("…") finds and shows
collect    a learning-management system's archive → submissions
nbgrader   gradebook, converters, late penalties, feedback, export, bundles
authoring  validate, sample class, red team
cli        the only place that parses argv
"""
