"""The course library: what chapters and assignments import."""
