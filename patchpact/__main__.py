"""``python -m patchpact``: the command line."""

from patchpact.cli.main import entry_point

if __name__ == "__main__":
    entry_point()
