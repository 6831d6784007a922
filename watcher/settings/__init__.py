"""The settings, and what their values may be."""
