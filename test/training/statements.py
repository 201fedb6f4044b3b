"""What the checks of this folder have in common: counting statements that hold, and the exit code."""

import sys

failures = []
passed = 0


def expect(condition, statement):
    """Counts one statement; prints it where it does not hold."""
    global passed
    if condition:
        passed += 1
    else:
        failures.append(statement)
        print(f"FAILED: {statement}")


def finish():
    """Says how many held, and ends the process: 1 where any did not."""
    print(f"{passed} passed, {len(failures)} failed")
    sys.exit(1 if failures else 0)
