"""The rules of the early warnings: what one look finds, by what it looks at."""
