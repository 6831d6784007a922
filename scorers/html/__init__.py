"""HTML: does it parse as its author meant it, and what stands on the page."""
