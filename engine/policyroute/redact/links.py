"""Where what comes next in a text stands: in a link, an image or an attribute, which would send a value away; and in
how many strings of JSON.

Rule of this module: in doubt it is a link. Whoever shows an answer may fetch what it links to, and what was slipped
into a prompt can have the model write such a link. An address that is written to, or a number that is called, is none.
"""

from __future__ import annotations

import re
from typing import Final

_EVENT: Final = re.compile(
    r"""\]\([ \t\r\n]*<?             # a destination in Markdown
    | \]:[ \t\r\n]*[</\\]             # and one that a reference has
    | url\(                          # in a style
    | <[A-Za-z][^\s<>"'=\\]*+          # a tag
    | =[ \t\r\n]*+(?:\\*+["'])?       # an attribute's value
    | (?<!\\)\\++["'()<>nrtf]         # a space in JSON, or no end of anything
    | ["'()<>]
    | \n[ \t\r]*\n
    """,
    re.VERBOSE | re.IGNORECASE,
)
_PLAIN: Final = frozenset("()<>\"'")
"""What is nothing, where nothing has begun."""
_URL: Final = re.compile(
    r"""(?::|\\u003a)(?:\\*/|\\+u002f){2}
    | \b(?:data|javascript|vbscript):
    | \bwww\.
    | (?<![\w-])[\w-]{1,63}+\.[^\W\d_]{2,24}(?::[0-9]{1,5})?(?:\\*/|[?#])  # a machine's name with a path: chats link it
    """,
    re.VERBOSE | re.IGNORECASE,
)
_APART: Final = re.compile(r"[ \t\r\n\f\v<]")
BEGINS_JSON: Final = re.compile(r"(?:[ \t\r\n]|\\+[nrt])*+[\[{]")
"""Of a text, also as it stands in a string of JSON."""
_NOTED: Final = 512
"""Characters of a link in which it shows what it is."""
_WRITTEN_TO: Final = re.compile(r"(?:mailto|tel|sms):[^\s?&]*", re.IGNORECASE)


class Links:
    """Follows a text from its beginning. `json`: it is a JSON text, and what its strings say is each by itself.

    `depth`: what comes next is in so many strings of JSON, each inside of the other.
    """

    def __init__(self, *, json: bool) -> None:
        self.depth = 0
        self._json = json
        self._holds_json = [True]  # at each depth: a quote there begins a string
        self._in_url = False
        self._reset()

    def _reset(self) -> None:
        self._brackets = 0  # those open of a destination
        self._pointed = False  # it is in angles
        self._css = False
        self._tag = False
        self._valued = False  # an attribute of the tag has a value
        self._quote = ""
        self._referred = False
        self._since = ""  # what was said since such a place began

    @property
    def inside(self) -> bool:
        """Whether what comes next is in a link."""
        if self._in_url:
            return True
        if self._brackets or self._css or (self._tag and self._valued):
            return _WRITTEN_TO.fullmatch(self._since.strip(" <")) is None
        return self._referred and (self._pointed or not _APART.search(self._since))

    def add(self, text: str) -> None:
        """What follows. It is not cut in the middle of a word or a sign."""
        last = apart = 0
        for event in _EVENT.finditer(text):
            sign = event[0]
            if sign in _PLAIN and not (self._brackets or self._css or self._tag or self._json):
                continue
            self._note(text[last : event.start()])
            last = event.end()
            nested = self._json and sign[-1] == '"' and BEGINS_JSON.match(text, last) is not None
            if self._on(sign, nested):
                apart = last
        self._note(text[last:])
        if not (self._brackets or self._css or self._tag or self._referred):
            self._since = ""
        for each in _APART.finditer(text, apart):
            apart = each.end()
        self._in_url = _URL.search(text, apart) is not None or (self._in_url and not apart)

    def _note(self, said: str) -> None:
        if len(self._since) < _NOTED:
            self._since += said

    def _on(self, sign: str, nested: bool) -> bool:
        """Whether nothing before it has to do with what comes next. `nested`: that begins as JSON does."""
        if self._json and sign[-1] == '"' and self._is_end(sign.count("\\"), nested):
            self._reset()
            return True
        if self._json and sign[-1] in "nrtfNRTF" and sign[0] == "\\":
            self._note(" ")
            return self.depth > 0 and len(sign) - 1 == 2 ** (self.depth - 1)
        if sign[0] == "\n":
            self._brackets, self._pointed, self._referred = 0, False, False
        elif not (self._begins_value(sign) or self._begins_destination(sign)):
            self._goes_on(sign)
            self._note(sign)
        return False

    def _is_end(self, before: int, nested: bool) -> bool:
        """Whether a quote with so many backslashes before it begins or ends a string."""
        level = 1
        while before % 2:
            level, before = level + 1, before // 2
        if level <= self.depth:
            self.depth = level - 1
            return True
        if level == self.depth + 1 and self._holds_json[self.depth]:
            self.depth = level
            self._holds_json[level:] = [nested]
            return True
        return False

    def _begins_value(self, sign: str) -> bool:
        if self._quote or not (self._tag and sign[0] == "="):
            return False
        self._valued, self._since = True, ""
        self._quote = sign[-1] if sign[-1] in "\"'" else ""
        return True

    def _begins_destination(self, sign: str) -> bool:
        if sign[0] == "]" and sign[1] == "(" and not self._brackets:
            self._brackets, self._pointed, self._since = 1, sign[-1] == "<", ""
        elif sign[0] == "]" and sign[1] == ":":
            self._referred, self._pointed, self._since = True, sign[-1] == "<", ""
        elif sign[0] in "uU":
            self._css, self._since = True, ""
        else:
            return False
        return True

    def _goes_on(self, sign: str) -> None:
        if self._quote:
            if sign[-1] == self._quote:
                self._quote = ""
        elif sign[0] == "<" and len(sign) > 1:
            self._tag, self._valued = True, False
        elif sign == ">":
            self._tag = self._valued = False
        if sign == ">":
            self._referred = self._referred and not self._pointed
            self._pointed = False
        elif sign == ")":
            self._css = False
            self._brackets = max(0, self._brackets - (not self._pointed))
        elif sign[-1] == "(" and sign[0] != "\\" and self._brackets:
            self._brackets += not self._pointed
