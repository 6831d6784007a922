"""Is this machine ready? The checks behind `uimon doctor`, and how they touch the world."""
