"""``python -m docferry`` is the same as the ``docferry`` command."""

from docferry.cli import main

if __name__ == "__main__":
    main()
