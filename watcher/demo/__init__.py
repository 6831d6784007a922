"""The demo: a real small trainer, its own data, and everything uimon does with its checkpoints, on a CPU."""
