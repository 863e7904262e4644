"""The character set of a page, determined as browsers do."""

import codecs
import re

_BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}

# The labels of the WHATWG encoding standard by Python's equivalent codec. A label often means more to a browser than to
# Python: euc-kr is cp949 with its 8,822 additional syllables, and iso-8859-1 is cp1252. Other codecs are not allowed:
# Python has some, such as idna and unicode_escape, that are not meant for untrusted bytes.
_CODECS = {
    "utf-8": "utf-8 utf8 unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8",
    "cp949": "euc-kr cseuckr csksc56011987 iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 windows-949"
    " cp949 ms949 uhc",
    "cp932": "shift_jis shift-jis sjis x-sjis csshiftjis ms932 ms_kanji windows-31j",
    "euc_jp": "euc-jp x-euc-jp cseucpkdfmtjapanese",
    "iso2022_jp": "iso-2022-jp csiso2022jp",
    "gb18030": "gb18030 gbk x-gbk gb2312 gb_2312 gb_2312-80 chinese csgb2312 csiso58gb231280 iso-ir-58",
    "big5hkscs": "big5 big5-hkscs cn-big5 csbig5 x-x-big5",
    "cp874": "windows-874 dos-874 iso-8859-11 iso8859-11 iso885911 tis-620",
    "cp1252": "iso-8859-1 iso8859-1 iso88591 latin1 l1 ascii us-ascii ansi_x3.4-1968 cp819 ibm819 iso-ir-100",
    "cp1254": "iso-8859-9 iso8859-9 iso88599 latin5 l5",
    "koi8_r": "koi8-r koi8 koi8_r koi cskoi8r",
    "koi8_u": "koi8-u koi8-ru",
    "mac_roman": "macintosh mac x-mac-roman csmacintosh",
    "utf-16-le": "utf-16 utf-16le csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff",
    "utf-16-be": "utf-16be unicodefffe",
}
_CODEC_OF = {label: codec for codec, labels in _CODECS.items() for label in labels.split()}
_CODEC_OF |= {f"{prefix}{n}": f"cp{n}" for n in range(1250, 1259) for prefix in ("windows-", "cp", "x-cp")}
_CODEC_OF |= {
    f"{prefix}{n}": f"iso8859_{n}" for n in (*range(2, 9), 10, 13, 14, 15, 16) for prefix in ("iso-8859-", "iso8859-")
}

_IN_HEADER = re.compile(r"""charset\s*=\s*["']?\s*([^\s"';,]{1,40})""", re.IGNORECASE)
_IN_PAGE = re.compile(
    rb"""<meta\b[^>]{0,400}?\bcharset\s*=\s*["']?\s*([\w:.-]{1,40})"""
    rb"""|<\?xml\b[^>]{0,100}?\bencoding\s*=\s*["']([\w:.-]{1,40})""",
    re.IGNORECASE,
)
_SNIFFED = 8192
"""Bytes in which a page may declare its character set. The standard says 1,024, which Korean pages exceed."""


def decode(html: bytes, content_type: str) -> str:
    """Return the page's text; invalid bytes become U+FFFD.

    The character set is that of the byte order mark, else of the header, else the one declared in the page, else UTF-8
    (HTML standard, section 13.2.3.2).
    """
    for mark, codec in _BOMS.items():
        if html.startswith(mark):
            return html[len(mark) :].decode(codec, "replace")
    in_header = _IN_HEADER.search(content_type)
    codec = (in_header and _CODEC_OF.get(in_header[1].lower())) or _declared(html) or "utf-8"
    return html.decode(codec, "replace")


def _declared(html: bytes) -> str | None:
    for declaration in _IN_PAGE.finditer(html[:_SNIFFED]):
        codec = _CODEC_OF.get((declaration[1] or declaration[2]).decode("ascii").lower())
        if codec:
            # A declaration that can be read as ASCII is not in UTF-16.
            return "utf-8" if codec.startswith("utf-16") else codec
    return None
