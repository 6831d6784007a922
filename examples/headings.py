"""A scorer of your own: `uimon score --scorer examples/headings.py:Headings`, and alike for `uimon watch` and `eval`.

It adds `eval/headings/mean`, and `eval/headings/failed`: the samples on which it failed. Beautiful Soup is installed
with uimon, so that a scorer may rely on it.
"""

from bs4 import BeautifulSoup


class Headings:
    """Counts the headings of each completion."""

    name = "headings"
    # Part of the suite: another version says that the same completion may get another measurement.
    version = "1"

    def measure(self, completion, sample):
        """Measure one completion: any value that JSON can hold. `sample` is what uimon found in it."""
        return len(BeautifulSoup(completion.text, "html.parser").find_all(["h1", "h2"]))

    def aggregate(self, measurements):
        """Make metrics of at least one measurement; None is undefined."""
        return {"mean": sum(measurements) / len(measurements)}
