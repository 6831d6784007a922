"""Scorers of other people, and the figures of the callback that uimon took over from."""
