"""`uimon score`: the completions that exist already, from the files, rows and projects that people have."""
