"""Rules that all scripts keep, which shellcheck does not know: python3 -m unittest discover --start-directory dev --pattern '*_test.py'"""

import os
import re
import unittest

DEV = os.path.dirname(os.path.abspath(__file__))
# An assignment that is ended by what it takes, whose words nobody sees.
SILENT = re.compile(r"^\s*(local |export )?\w+=\$\((?!.*\|\|).*2>/dev/null.*\)\s*$")


def scripts():
    for folder, _, files in os.walk(DEV):
        for name in sorted(files):
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                if not re.match(rb"#!.*bash|# shellcheck shell", file.readline()):
                    continue
                yield path, file.read().decode()


class Scripts(unittest.TestCase):
    def test_none_ends_without_a_word_where_something_is_not_there(self):
        """On a new machine there was no folder yet whose disk was looked at: `make demo` ended with status 1, and said nothing."""
        found = []
        for path, text in scripts():
            found += [f"{os.path.relpath(path, DEV)}: {line.strip()}" for line in text.splitlines() if SILENT.match(line)]
        self.assertEqual(found, [], "say what is to be had instead: x=$(... 2>/dev/null || true)")

    def test_the_rule_sees_what_it_is_about(self):
        self.assertGreater(len(list(scripts())), 20)
        self.assertTrue(SILENT.match('\tfree=$(df --output=avail "$state" 2>/dev/null | tail -n 1)'))
        for line in ('\tx=$(df "$state" 2>/dev/null || true)', '\tx=$(df "$cache" | tail -n 1)', '[ -n "$(df "$state" 2>/dev/null | tail -n 1)" ]'):
            self.assertFalse(SILENT.match(line), line)


if __name__ == "__main__":
    unittest.main()
