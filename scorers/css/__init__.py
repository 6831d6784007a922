"""CSS: declarations, the colors in them, and Tailwind's palette as the yardstick."""
