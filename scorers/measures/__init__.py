"""What is measured of one page: its class names and its colors."""
