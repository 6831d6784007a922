"""Tailwind: which class names are utilities, and what a page's own theme adds."""
