"""Scores what a model wrote: completion text in, measurements out."""
