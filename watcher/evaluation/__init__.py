"""What an evaluation is: its suite, its samples' scores, its row; and how it is scored anew."""
