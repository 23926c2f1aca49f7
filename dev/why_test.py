"""Rules of why.py: python3 -m unittest discover --start-directory dev --pattern '*_test.py'"""

import unittest

import why

LOG = """\
test one ... FAILED

---- relay::one stdout ----
a word of the test's own

thread 'relay::one' (71) panicked at e2e/tests/all/relay.rs:222:9:
assertion failed: it took 29 s
  left: 1
stack backtrace:
   0: core::panicking
note: Some details are omitted

thread 'two' panicked at src/lib.rs:1:1:
{}

failures:
    relay::one
"""


class Why(unittest.TestCase):
    def test_each_panic_is_told_by_who_where_and_its_first_words(self):
        told = ["relay::one, e2e/tests/all/relay.rs:222:9", "    assertion failed: it took 29 s", "      left: 1", "two, src/lib.rs:1:1"]
        self.assertEqual(why.why(LOG.format("word " * 100))[:-1], told)
        self.assertEqual(why.why(LOG.format("gone"))[-1], "    gone")

    def test_long_words_and_many_panics_leave_room_for_the_others(self):
        self.assertEqual(len(why.why(LOG.format("w" * 9000))[-1]), 4 + why.WIDTH + len(" ..."))
        self.assertEqual(len(why.why(LOG.format("line\n" * 9))), 4 + why.LINES)
        many = why.why("thread 'a' panicked at b:\nc\n\n" * 50)
        self.assertEqual((len(many), many[-1][:3]), (2 * why.PANICS + 1, "..."))

    def test_where_nothing_panicked_nothing_is_told(self):
        self.assertEqual(why.why("test one ... ok\nthread 'main' says panicked at noon\n"), [])


if __name__ == "__main__":
    unittest.main()
