"""`python -m benchmarks [--only NAME ...] [--list]`."""

import argparse
import sys

from benchmarks import harness


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="run these")
    parser.add_argument("--list", action="store_true", help="tell the names")
    arguments = parser.parse_args()
    names = harness.selected(harness.discover(), arguments.only)
    if arguments.list:
        print("\n".join(names))
        return 0
    if not names:
        print(f"no benchmark is called {' or '.join(arguments.only)}", file=sys.stderr)
        return 2
    return 0 if harness.run(names) else 1


if __name__ == "__main__":
    sys.exit(main())
