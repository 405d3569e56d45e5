"""Run the command line: ``python -m lmviz``."""

from ._cli import main

if __name__ == "__main__":
    main()
