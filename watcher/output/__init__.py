"""The gate for all that leaves: printable text, no secrets, and channels that hold up nobody."""
