"""What an assignment, a submission and a report are, and the words for them.

Untrusted files are read here and nothing of them is executed. Imports nothing else of this package, and not PyTorch.
"""
