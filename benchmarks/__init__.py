"""Measurements of the course's own speed; see README.md beside this file."""
