"""Inputs near to those of the corpus: pieces of them taken out, doubled, swapped, and nasty pieces put in."""

from __future__ import annotations

import re

from hypothesis import strategies as st

from tests.fuzz.readers import corpus

#: Words, numbers, quoted texts, and every other character by itself.
PIECE = re.compile(rb'"(?:[^"\\\n]|\\.)*"|[\w.+-]+|\s+|.', re.DOTALL)
NASTY = [
    *(b"null", b"true", b"0", b"-1", b"1e400", b"-1e308", b"NaN", b"-Infinity", b".inf", b"9" * 400, b"1.5", b"1e18"),
    *(b"[]", b"{}", b"[[]]", b"{", b"}", b"[", b"]", b'"', b"'", b":", b",", b"\n", b"  ", b"\t", b"\r", b"\0", b"|"),
    *(b"&a ", b"*a", b"!!python/name:os.system ''", b"<<", b"%", b"{seed.__class__}", b"{0:>999999999}", b"{", b"}}"),
    *(b'"../../etc/passwd"', b'"/dev/zero"', b'"\\ud800"', b'"\\u001b[2J"', b'"\\u202e"'),
    *(b"\x1b]0;x\x07", b"\xff\xfe"),
    *(
        b'"<script>alert(1)</script>"',
        b'"](javascript:x)|`"',
        b"[sixdim] {",
        b"--- order.json\n",
        b'"x\\ny"',
        b"a" * 300,
    ),
]


def mutated(reader: str) -> st.SearchStrategy[bytes]:
    """An input of the corpus with up to eight changes."""
    inputs = [path.read_bytes() for path in corpus(reader)]
    changes = st.lists(
        st.tuples(
            st.sampled_from(("drop", "double", "swap", "put", "put")), st.integers(0, 2**16), st.sampled_from(NASTY)
        ),
        min_size=1,
        max_size=8,
    )
    return st.builds(_changed, st.sampled_from(inputs), changes)


def _changed(data: bytes, changes: list[tuple[str, int, bytes]]) -> bytes:
    pieces = PIECE.findall(data) or [b""]
    for kind, place, nasty in changes:
        at = place % len(pieces)
        if kind == "drop":
            del pieces[at]
        elif kind == "double":
            pieces.insert(at, pieces[at])
        elif kind == "swap":
            other = (at * 7 + 1) % len(pieces)
            pieces[at], pieces[other] = pieces[other], pieces[at]
        else:
            pieces[at] = nasty
        pieces = pieces or [b""]
    return b"".join(pieces)
