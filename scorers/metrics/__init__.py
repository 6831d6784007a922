"""From samples to the metrics of one evaluation, their intervals and their meaning."""
