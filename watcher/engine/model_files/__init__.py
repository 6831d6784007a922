"""What lies in a model's directory, read without an engine, and the form in which an engine gets it."""
