"""uimon's watcher: follows a trainer's checkpoints and writes what it finds into the trainer's W&B run."""
