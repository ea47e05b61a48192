#!/usr/bin/env python3
"""Prints the table COMMON_PAIRS of src/detect/plausible.rs.

Usage: english_pairs.py WORDS, a file with one word a line (made with Debian's wamerican, which is in the public domain).
"""

import collections
import string
import sys

SHARE = 0.92  # of all pairs; more would take in pairs that random text has as often


def main(path):
    pairs = collections.Counter()
    with open(path, encoding="utf-8") as words:
        for word in words:
            word = word.strip().lower()
            if word.isascii() and word.isalpha():
                pairs.update(zip(word, word[1:]))
    wanted, kept, total = SHARE * pairs.total(), set(), 0
    for pair, count in pairs.most_common():
        if total > wanted:
            break
        kept.add(pair)
        total += count
    for first in string.ascii_lowercase:
        mask = sum(1 << i for i, second in enumerate(string.ascii_lowercase) if (first, second) in kept)
        print(f"0x{mask:07x},")


if __name__ == "__main__":
    main(sys.argv[1])
