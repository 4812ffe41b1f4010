"""The harness: grades notebooks of any nbgrader course in a jail."""
