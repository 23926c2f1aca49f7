"""Why tests failed, of what cargo printed: the first lines of each panic, once more and in a few lines. dev/test ends with them."""

import re
import sys

PANIC = re.compile(r"^thread '(.+)' (?:\(\d+\) )?panicked at (.+):$")
END = re.compile(r"^(stack backtrace:|note: run with |$)")
# Of one panic, and of one line of it: where only the end of a long log is kept, all of them are to have room.
LINES, WIDTH, PANICS = 4, 400, 20


def why(log):
    """The lines to print: none where nothing panicked. A test that is meant to see a panic counts only where its words were printed."""
    lines, told, each = log.splitlines(), [], 0
    for at, line in enumerate(lines):
        panic = PANIC.match(line)
        if not panic:
            continue
        each += 1
        if each > PANICS:
            return [*told, "... and more: look for \"panicked at\" above"]
        told.append(f"{panic[1]}, {panic[2]}")
        for words in lines[at + 1 : at + 1 + LINES]:
            if END.match(words):
                break
            told.append("    " + (words if len(words) <= WIDTH else words[:WIDTH] + " ..."))
    return told


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8", errors="replace") as log:
        for line in why(log.read()):
            print(line)
