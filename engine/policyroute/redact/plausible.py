"""Whether a word can be a secret at all, or is what people write where one would stand.

Rule of this module: it judges one value, by what is in it, and knows nothing of where it stands.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from math import log2

from policyroute.redact.engine import compiled

_STAND_INS = tuple(
    "xxxx **** .... ____ example placeholder changeme change_me change-me your dummy redacted insert replace todo "
    "fixme sample foobar username secretkey mysecret my-secret my_secret tokenhere token-here token_here "
    "accesstoken access_token keyhere key-here key_here some- some_ fake notasecret not-a-secret".split()
)
_COUNTED = tuple("00000000 1111111 123456789 abcdefgh aaaaaa ----".split())
_UUID = compiled(r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_CODE = (
    "${",
    "$(",
    "{{",
    "<%",
    "%(",
    "getenv",
    "environ",
    "process.",
    "()",
    "=>",
    "::",
    "->",
    "[",
    "](",
    "\\n",
    "&&",
    "||",
)
_WORDS = frozenset(
    "null none true false nil undefined string str bool boolean int integer object any optional required password "
    "passwd secret token apikey api_key unknown default test testing bearer basic empty hidden value void self this "
    "function return const let var char bytes text number type".split()
)
_SOFTWARE = tuple(
    "access account action address application attribute author boolean bucket button certif channel client "
    "cluster column command comment component config connect console container content context control cookie "
    "create credential customer database default delete deploy device directory document domain element encrypt "
    "endpoint enterprise environment error event execut extension external factory feature field filter folder "
    "format function gateway generat github global google handler header hidden identi index input instance "
    "integrat interface internal invalid java jenkins keyboard label language license listen loader local "
    "location logger manage master member message method metadata microsoft model module monitor network number "
    "object option order output package param partner password payload permission platform plugin policy primary "
    "private process product profile project property provider public queue record region register release remote "
    "report request resource response result return review runtime sandbox schema script search secret security "
    "select server service session setting shared signature snapshot software source stag standard status storage "
    "string subject submit support system table target template tenant terminal thread ticket timeout token topic "
    "update upload user value variable vendor version virtual volume website widget window worker workflow".split()
)
_STOOD_IN, _COUNTED_OUT, _SPOKEN = (
    compiled("|".join(each.replace("*", r"\*").replace(".", r"\.") for each in words))
    for words in (_STAND_INS, _COUNTED, _SOFTWARE)
)
_PHRASE = 64  # characters of a password of several words
_HEX = frozenset("0123456789abcdef-")
_SEQUENCES = ("0123456789", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop")


def entropy(value: str) -> float:
    """Bits a character, as the value itself spreads them."""
    size = len(value)
    return -sum(count / size * log2(count / size) for count in Counter(value).values()) if size else 0.0


def filler(value: str) -> bool:
    """Stands where a secret would, and says so or is counted out."""
    low = value.lower()
    return stands_in(low) or _COUNTED_OUT.search(_bytes(low)) is not None


def stands_in(low: str) -> bool:
    """In lower case: a word for a secret, or one character again and again."""
    return _STOOD_IN.search(_bytes(low)) is not None or len(set(low)) < min(6, len(low) // 3 + 1)


def _bytes(value: str) -> bytes:
    return value.encode("latin-1", "replace")


def token(value: str, least: int = 12) -> bool:
    """A key or a token that a machine made."""
    if len(value) < least or filler(value) or _is_code(value) or _sequence(value) or _named(value) or _speaks(value):
        return False
    digits = sum(each.isdigit() for each in value)
    letters = sum(each.isalpha() for each in value)
    if digits == len(value) or not (digits or (len(value) >= 32 and _mixed(value))):
        return False
    return letters > 0 and spread(value) and not guessable(value)


def spread(value: str) -> bool:
    """As even as all but one in a hundred of those that are drawn from its alphabet."""
    size = 16 if _HEX.issuperset(value.lower()) else 62
    return entropy(value) >= 0.78 * log2(min(len(value), size))


def guessable(value: str) -> bool:
    """A UUID of time and machine: only those of version 4 are drawn."""
    found = _UUID.fullmatch(_bytes(value))
    return found is not None and found.group(1) != b"4"


def password(value: str) -> bool:
    """Something that a person chose, which no word or name is."""
    if (
        not 6 <= len(value) <= (_PHRASE if " " in value else 128)
        or filler(value)
        or _is_code(value)
        or value.lower() in _WORDS
    ):
        return False
    kinds = sum((any(map(str.islower, value)), any(map(str.isupper, value)), any(map(str.isdigit, value))))
    marks = sum(not each.isalnum() for each in value)
    if "/" in value and marks >= 2 and kinds < 3:
        return False  # a path
    digits = sum(map(str.isdigit, value))
    return (kinds >= 2 and digits > 0) or (marks > 0 and kinds >= 2 and not _dotted(value))


def carried(value: str) -> bool:
    """What a header carries that is there to carry it, in a text that may speak about such headers."""
    return given(value) and not _named(value) and (any(map(str.isdigit, value)) or _mixed(value) or len(value) >= 20)


def given(value: str) -> bool:
    """What a command gives as a header that is there to carry a secret: all but a variable's name and a stand-in."""
    variable = value.isupper() and value.replace("_", "").isalpha()
    return len(value) >= 8 and entropy(value) >= 2.7 and not (variable or stands_in(value.lower()) or _is_code(value))


def _speaks(value: str) -> bool:
    """A word of software is in it: nobody draws six letters that spell one."""
    return _SPOKEN.search(_bytes(value.lower())) is not None


def drawn(value: str) -> bool:
    """Not words: a digit is in it, or its letters change their case too often."""
    return len(value) < 16 or any(map(str.isdigit, value)) or _mixed(value) or any(each in ":/" for each in value)


def _dotted(value: str) -> bool:
    """`settings.DB_PASSWORD`, `some-name`: words that marks hold together."""
    return all(part.isalpha() for part in value.translate(_JOINTS).split())


def _named(value: str) -> bool:
    """`my-secret-01`, `rc0.15.0_20231217-SNAPSHOT`: words and small numbers that marks hold together."""
    parts = value.translate(_JOINTS).split()
    return len(parts) > 1 and all(_word(part) or (part.isdigit() and len(part) <= 8) for part in parts)


def _word(part: str) -> bool:
    letters = part.rstrip("0123456789")
    return letters.isalpha() and len(part) - len(letters) <= 3 and not _mixed(letters)


_JOINTS = str.maketrans(dict.fromkeys("._-/:,;@", " "))


def _is_code(value: str) -> bool:
    return value[:1] in "$<{%@&*" or any(each in value for each in _CODE) or (value[:1] == "(" and value[-1:] == ")")


def _mixed(value: str) -> bool:
    """Upper and lower case change too often for words."""
    changes = sum(one.isupper() != other.isupper() for one, other in pairwise(value))
    return changes * 3 >= len(value) and any(map(str.isupper, value)) and any(map(str.islower, value))


def _sequence(value: str) -> bool:
    low = value.lower()
    return any(low in each * 3 for each in _SEQUENCES)
