"""The check digits of numbers that people and accounts have.

Rule of this module: arithmetic on strings of digits and letters; nothing of what a number means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from zlib import crc32

Check = Callable[[str], bool]
"""Whether a number, without its separators and in upper case, can be one of its kind."""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_DOUBLES = bytes.maketrans(b"0123456789", bytes(_DOUBLED))
_DIHEDRAL = (
    "0123456789",
    "1234067895",
    "2340178956",
    "3401289567",
    "4012395678",
    "5987604321",
    "6598710432",
    "7659821043",
    "8765932104",
    "9876543210",
)
_TURNED = (
    "0123456789",
    "1576283094",
    "5803796142",
    "8916043527",
    "9453126870",
    "4286573901",
    "2793806415",
    "7046913258",
)


def luhn(number: str) -> bool:
    return luhn_bytes(number.encode())


def luhn_bytes(number: bytes) -> bool:
    """Of ASCII digits."""
    doubled = number[-2::-2].translate(_DOUBLES)
    return (sum(number[-1::-2]) - 48 * len(number[-1::-2]) + sum(doubled)) % 10 == 0


def mod97(number: str) -> bool:
    """ISO 7064 as IBANs have it: country and check digits are in front."""
    turned = number[4:] + number[:4]
    return int("".join(str(_ALPHABET.index(each)) for each in turned)) % 97 == 1


def verhoeff(number: str) -> bool:
    state = 0
    for place, digit in enumerate(reversed(number)):
        state = int(_DIHEDRAL[state][int(_TURNED[place % 8][int(digit)])])
    return state == 0


def iso7064_11_10(number: str) -> bool:
    product = 10
    for digit in number[:-1]:
        product = (int(digit) + product) % 10 or 10
        product = product * 2 % 11
    return (11 - product) % 10 == int(number[-1])


def weighed(number: str, weights: Sequence[int]) -> int:
    """Digits times their weights; as many as there are weights."""
    return sum(int(digit) * weight for digit, weight in zip(number, weights, strict=False))


def sums_to(weights: Sequence[int], modulus: int, rest: int = 0) -> Check:
    """All digits, the check digit too, times `weights` leave `rest`."""
    return lambda number: weighed(number, weights) % modulus == rest


def ends_with(weights: Sequence[int], modulus: int, ends: str) -> Check:
    """What the digits leave names the character after them: `ends[0]` for 0."""
    return lambda number: number[len(weights)] == ends[weighed(number, weights) % modulus]


def both(*checks: Check) -> Check:
    return lambda number: all(check(number) for check in checks)


def dated(form: str) -> Check:
    """`form` says what the first digits are: `y`, `m`, `d`; others are passed over. A year of two digits is of any
    century; a day over 40 and a month over 20 are read as the countries mean that do so (women, centuries)."""

    def check(number: str) -> bool:
        parts = {letter: "".join(number[at] for at, each in enumerate(form) if each == letter) for letter in "ymd"}
        year = int(parts["y"]) + (0 if len(parts["y"]) == 4 else 2000)  # 2000 is a leap year: no day is refused
        return possible_day(year, int(parts["m"]) % 20, int(parts["d"]) % 40)

    return check


def possible_day(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def crc32_base62(token: str, digits: int = 6) -> bool:
    """The last six characters are the CRC-32 of those after the prefix (`ghp_`, `npm_`)."""
    body, check = token[token.index("_") + 1 : -digits], token[-digits:]
    rest, written = crc32(body.encode("latin-1")), ""
    while rest:
        rest, digit = divmod(rest, 62)
        written = _BASE62[digit] + written
    return written.rjust(digits, "0") == check
