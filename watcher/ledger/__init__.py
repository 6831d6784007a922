"""The record of every checkpoint and the outbox of every row, in one SQLite file, with its JSON lines beside it."""
