"""What the commands of `uimon` do, one a file; `watcher.cli` holds their options."""
