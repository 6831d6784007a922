"""The commands of `uimon`: their options are in `app`, what each of them does is in a file of its name."""


def main() -> None:
    """Run the command line. The program imports it here, so that whoever needs one command imports no other."""
    from watcher.cli.app import main as run

    run()
