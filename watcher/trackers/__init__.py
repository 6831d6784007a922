"""Where rows go: experiment trackers, one a room."""
