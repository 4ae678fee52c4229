"""Numbers that states give to people and firms.

Rule of this module: a table. A row: the kind, its countries' words for it, what it looks like, what makes it true,
and how it is written where that is enough: a number that much else could be counts only where one of the words stands
near it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from policyroute.redact.checksums import (
    Check,
    both,
    dated,
    ends_with,
    iso7064_11_10,
    luhn,
    possible_day,
    sums_to,
    verhoeff,
    weighed,
)


@dataclass(frozen=True, slots=True)
class Number:
    kind: str
    what: str
    words: tuple[str, ...]
    """In lower case."""
    shape: str
    """A pattern of RE2, with its separators."""
    valid: Check
    """Of the number without separators, in upper case."""
    written: str = ""
    """The shape in which it counts without a word beside it; empty: none."""


def _ssn(number: str) -> bool:
    return number[:3] not in {"000", "666"} and number[0] != "9" and number[3:5] != "00" and number[5:] != "0000"


def _itin(number: str) -> bool:
    middle = int(number[3:5])
    return number[0] == "9" and (50 <= middle <= 65 or 70 <= middle <= 88 or 90 <= middle <= 92 or 94 <= middle <= 99)


def _nino(number: str) -> bool:
    return number[:2] not in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}


def _pps(number: str) -> bool:
    second = 9 * (ord(number[8]) - 64) if number[8:] not in {"", "W"} else 0
    return "WABCDEFGHIJKLMNOPQRSTUV"[(weighed(number, range(8, 1, -1)) + second) % 23] == number[7]


def _nir(number: str) -> bool:
    body = number[:13].replace("2A", "19").replace("2B", "18")
    return body.isdigit() and 97 - int(body) % 97 == int(number[13:])


def _dni(number: str) -> bool:
    digits = number[:-1].replace("X", "0").replace("Y", "1").replace("Z", "2")
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(digits) % 23] == number[-1]


_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)


def _codice(number: str) -> bool:
    values = [int(each) if each.isdigit() else ord(each) - 65 for each in number[:15]]
    total = sum(_ODD[each] for each in values[::2]) + sum(values[1::2])
    return chr(65 + total % 26) == number[15]


def _rrn_be(number: str) -> bool:
    rest = 97 - int(number[9:])
    return int(number[:9]) % 97 == rest or int("2" + number[:9]) % 97 == rest


def _hetu(number: str) -> bool:
    digits = number[:6] + number[-4:-1]
    day = possible_day(2000 + int(number[4:6]), int(number[2:4]), int(number[:2]))
    return day and "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(digits) % 31] == number[-1]


def _fnr(number: str) -> bool:
    first = sums_to((3, 7, 6, 1, 8, 9, 4, 5, 2, 1), 11)
    return first(number) and sums_to((5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1), 11)(number)


def _cpf(number: str) -> bool:
    if len(set(number)) == 1:
        return False
    first = weighed(number[:9], range(10, 1, -1)) * 10 % 11 % 10
    return first == int(number[9]) and weighed(number[:10], range(11, 1, -1)) * 10 % 11 % 10 == int(number[10])


def _cnpj(number: str) -> bool:
    def digit(count: int, weights: tuple[int, ...]) -> int:
        rest = weighed(number[:count], weights) % 11
        return 0 if rest < 2 else 11 - rest

    weights = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
    return digit(12, weights[1:]) == int(number[12]) and digit(13, weights) == int(number[13])


def _rut(number: str) -> bool:
    total = weighed(number[-2::-1], (2, 3, 4, 5, 6, 7, 2, 3))
    return "0123456789K"[-total % 11] == number[-1]


def _turkish(number: str) -> bool:
    digits = [int(each) for each in number]
    tenth = (sum(digits[0:9:2]) * 7 - sum(digits[1:8:2])) % 10
    return number[0] != "0" and tenth == digits[9] and sum(digits[:10]) % 10 == digits[10]


def _korean(number: str) -> bool:
    rest = (11 - weighed(number, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10
    return dated("yymmdd")(number) and rest == int(number[12])


def _nric(number: str) -> bool:
    total = weighed(number[1:8], (2, 7, 6, 5, 4, 3, 2)) + (4 if number[0] in "TG" else 0)
    return ("JZIHGFEDCBA" if number[0] in "ST" else "XWUTRQPNMLK")[total % 11] == number[8]


def _taiwanese(number: str) -> bool:
    first = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(number[0]) + 10
    return (first // 10 + first % 10 * 9 + weighed(number[1:], (8, 7, 6, 5, 4, 3, 2, 1, 1))) % 10 == 0


def _german(number: str) -> bool:
    repeated = [number[:10].count(each) for each in set(number[:10])]
    return number[0] != "0" and max(repeated) in {2, 3} and repeated.count(1) >= 7 and iso7064_11_10(number)


def _my_number(number: str) -> bool:
    rest = weighed(number[:11], (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return (0 if rest <= 1 else 11 - rest) == int(number[11])


def _mod11_10(weights: tuple[int, ...]) -> Callable[[str], bool]:
    """The rest of 11 is the last digit, and 10 is written as 0."""
    return lambda number: weighed(number[:-1], weights) % 11 % 10 == int(number[-1])


def _nif_pt(number: str) -> bool:
    rest = weighed(number[:8], range(9, 1, -1)) % 11
    return (0 if rest < 2 else 11 - rest) == int(number[8])


def _nhs(number: str) -> bool:
    return len(set(number)) > 1 and sums_to((10, 9, 8, 7, 6, 5, 4, 3, 2, 1), 11)(number)


def _curp(number: str) -> bool:
    alphabet = "0123456789ABCDEFGHIJKLMN#OPQRSTUVWXYZ"
    total = sum(alphabet.index(each) * (18 - at) for at, each in enumerate(number[:17]))
    return str(-total % 10) == number[17]


_CHINESE = both(
    dated("------yyyymmdd"), ends_with((7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), 11, "10X98765432")
)
_EAN13 = sums_to((1, 3) * 6 + (1,), 10)

NUMBERS: tuple[Number, ...] = (
    Number("ssn", "Social Security number (US)", ("ssn", "social security", "social insurance"),
        r"\d{3}[- ]?\d{2}[- ]?\d{4}", _ssn, r"\d{3}-\d{2}-\d{4}"),
    Number("us_itin", "taxpayer number (US)", ("itin", "taxpayer"), r"9\d{2}[- ]?\d{2}[- ]?\d{4}", _itin,
        r"9\d{2}-\d{2}-\d{4}"),
    Number("ca_sin", "social insurance number (Canada)", ("sin ", "social insurance", "assurance sociale"),
        r"\d{3}[- ]?\d{3}[- ]?\d{3}", luhn),
    Number("uk_nino", "National Insurance number (UK)", ("national insurance", "nino", "ni number"),
        r"(?i:[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]) ?\d{2} ?\d{2} ?\d{2} ?[A-Da-d]", _nino,
        r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]"),
    Number("uk_nhs", "NHS number (UK)", ("nhs", ), r"\d{3}[- ]?\d{3}[- ]?\d{4}", _nhs),
    Number("ie_pps", "PPS number (Ireland)", ("pps",), r"\d{7}[A-Wa-w][A-Ia-iWw]?", _pps),
    Number("fr_nir", "numéro de sécurité sociale (France)", ("sécu", "secu", "nir", "insee"),
        r"[12] ?\d{2} ?[0-9]{2} ?(?:\d{2}|2[ABab]) ?\d{3} ?\d{3} ?\d{2}", _nir,
        r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}"),
    Number("de_steuer_id", "Steuer-Identifikationsnummer (Germany)", ("steuer", "idnr", "tax id", "tin"),
        r"\d{2} ?\d{3} ?\d{3} ?\d{3}", _german),
    Number("es_dni", "DNI, NIE (Spain)", ("dni", "nie", "nif"),
        r"(?:[XYZxyz][- ]?\d{7}|\d{2}\.?\d{3}\.?\d{3})[- ]?[A-Za-z]",
        lambda number: number[-1] not in "IÑOU" and _dni(number), r"(?:[XYZ]-?\d{7}|\d{8})-?[A-HJ-NP-TV-Z]"),
    Number("it_codice_fiscale", "codice fiscale (Italy)", ("codice fiscale",),
        r"(?i:[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z])", _codice,
        r"[A-Za-z]{6}\d{2}[A-EHLMPRSTa-ehlmprst]\d{2}[A-Za-z]\d{3}[A-Za-z]"),
    Number("nl_bsn", "burgerservicenummer (Netherlands)", ("bsn", "burgerservice", "sofi"),
        r"\d{4}[. ]?\d{2}[. ]?\d{3}", sums_to((9, 8, 7, 6, 5, 4, 3, 2, -1), 11)),
    Number("be_rrn", "rijksregisternummer (Belgium)", ("rijksregister", "registre national", "national number"),
        r"\d{2}\.?\d{2}\.?\d{2}[- ]?\d{3}[. ]?\d{2}", _rrn_be, r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}"),
    Number("pt_nif", "NIF (Portugal)", ("nif", "contribuinte"), r"\d{3} ?\d{3} ?\d{3}", _nif_pt),
    Number("pl_pesel", "PESEL (Poland)", ("pesel",), r"\d{11}", sums_to((1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1), 10)),
    Number("se_personnummer", "personnummer (Sweden)", ("personnummer", "personal identity"),
        r"(?:19|20)?\d{6}[-+]?\d{4}", lambda number: luhn(number[-10:]) and dated("yymmdd")(number[-10:]),
        r"(?:19|20)?\d{6}[-+]\d{4}"),
    Number("no_fodselsnummer", "fødselsnummer (Norway)", ("fødsels", "fodsels", "personnummer"), r"\d{6} ?\d{5}", _fnr),
    Number("dk_cpr", "CPR-nummer (Denmark)", ("cpr",), r"\d{6}-?\d{4}", dated("ddmmyy")),
    Number("fi_hetu", "henkilötunnus (Finland)", ("hetu", "henkilötunnus"), r"\d{6}[-+ABCDEFYXWVU]\d{3}[0-9A-Ya-y]",
        _hetu, r"\d{6}[-+ABCDEFYXWVU]\d{3}[0-9A-Y]"),
    Number("ch_ahv", "AHV-Nummer (Switzerland)", ("ahv", "avs"), r"756[. ]?\d{4}[. ]?\d{4}[. ]?\d{2}", _EAN13,
        r"756\.\d{4}\.\d{4}\.\d{2}"),
    Number("at_svnr", "Sozialversicherungsnummer (Austria)", ("sozialversicherung", "svnr", "sv-nummer"),
        r"\d{4} ?\d{6}",
        lambda number: weighed(number[:3] + number[4:], (3, 7, 9, 5, 8, 4, 2, 1, 6)) % 11 == int(number[3])),
    Number("cz_rc", "rodné číslo (Czechia, Slovakia)", ("rodné", "rodne", "birth number"), r"\d{6}/?\d{4}",
        lambda number: int(number) % 11 == 0, r"\d{6}/\d{4}"),
    Number("ro_cnp", "CNP (Romania)", ("cnp", "cod numeric"), r"[1-8]\d{12}",
        _mod11_10((2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9))),
    Number("bg_egn", "EGN (Bulgaria)", ("egn",), r"\d{10}", _mod11_10((2, 4, 8, 5, 10, 9, 7, 3, 6))),
    Number("gr_amka", "AMKA (Greece)", ("amka",), r"\d{11}", both(dated("ddmmyy"), luhn)),
    Number("tr_tckn", "T.C. kimlik no (Türkiye)", ("kimlik", "tckn", "tc no"), r"[1-9]\d{10}", _turkish),
    Number("il_id", "teudat zehut (Israel)", ("teudat", "israeli id", "id number"), r"\d{9}", luhn),
    Number("za_id", "ID number (South Africa)", ("south african id", "id number", "rsa id"), r"\d{6} ?\d{4} ?\d{3}",
        both(dated("yymmdd"), luhn)),
    Number("br_cpf", "CPF (Brazil)", ("cpf",), r"\d{3}\.?\d{3}\.?\d{3}-?\d{2}", _cpf, r"\d{3}\.\d{3}\.\d{3}-\d{2}"),
    Number("br_cnpj", "CNPJ (Brazil)", ("cnpj",), r"\d{2}\.?\d{3}\.?\d{3}/?\d{4}-?\d{2}", _cnpj,
        r"\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}"),
    Number("mx_curp", "CURP (Mexico)", ("curp",), r"[A-Za-z]{4}\d{6}[HMXhmx][A-Za-z]{5}[0-9A-Za-z]\d", _curp,
        r"[A-Z]{4}\d{6}[HMX][A-Z]{5}[0-9A-Z]\d"),
    Number("ar_cuit", "CUIT, CUIL (Argentina)", ("cuit", "cuil"), r"\d{2}-?\d{8}-?\d",
        sums_to((5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1), 11), r"\d{2}-\d{8}-\d"),
    Number("cl_rut", "RUT (Chile)", ("rut ", "rut:"), r"\d{1,2}\.?\d{3}\.?\d{3}-?[0-9Kk]", _rut,
        r"\d{1,2}\.\d{3}\.\d{3}-[0-9Kk]"),
    Number("cn_id", "resident identity number (China)", ("id card",), r"[1-9]\d{16}[0-9Xx]", _CHINESE,
        r"[1-9]\d{5}(?:19|20)\d{9}[0-9Xx]"),
    Number("in_aadhaar", "Aadhaar (India)", ("aadhaar", "aadhar", "uidai"), r"[2-9]\d{3}[- ]?\d{4}[- ]?\d{4}", verhoeff,
        r"[2-9]\d{3}[- ]\d{4}[- ]\d{4}"),
    Number("in_pan", "PAN (India)", ("pan ", "permanent account"),
        r"[A-Za-z]{3}[ABCFGHJLPTabcfghjlpt][A-Za-z]\d{4}[A-Za-z]", lambda _: True, r"[A-Z]{3}P[A-Z]\d{4}[A-Z]"),
    Number("kr_rrn", "resident registration number (South Korea)", ("resident registration", "rrn"),
        r"\d{6}-?[1-8]\d{6}", _korean,
        r"\d{6}-[1-8]\d{6}"),
    Number("jp_my_number", "My Number (Japan)", ("my number", "mynumber", "individual number"),
        r"\d{4}[- ]?\d{4}[- ]?\d{4}", _my_number),
    Number("sg_nric", "NRIC, FIN (Singapore)", ("nric", "fin "), r"[STFGstfg]\d{7}[A-Za-z]", _nric,
        r"[STFG]\d{7}[A-Z]"),
    Number("tw_id", "identity number (Taiwan)", ("taiwan",), r"[A-Za-z][12]\d{8}", _taiwanese, r"[A-Z][12]\d{8}"),
    Number("au_tfn", "tax file number (Australia)", ("tfn", "tax file"), r"\d{3}[- ]?\d{3}[- ]?\d{3}",
        sums_to((1, 4, 3, 7, 5, 8, 6, 9, 10), 11)),
    Number("au_medicare", "Medicare number (Australia)", ("medicare",), r"[2-6]\d{3} ?\d{5} ?\d",
        lambda number: weighed(number, (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == int(number[8])),
)  # fmt: skip
