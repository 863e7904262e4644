"""`python -m daybook` is the `daybook` command."""

import sys

from daybook.cli import main

if __name__ == "__main__":
    sys.exit(main())
