"""What uimon asks of the machine: files, processes, mounts, permissions, clocks."""
