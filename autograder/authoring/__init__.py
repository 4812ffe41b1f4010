"""What authors need: proof of an assignment, a sample class to grade, attacks on the grader."""
