"""The character set of a page is the one that a browser would use."""

import pytest

from daybook.library.pages.metadata import read_metadata


def title(html: bytes, content_type: str = "text/html") -> str | None:
    return read_metadata("https://example.com/", html, content_type).title


@pytest.mark.parametrize(
    ("html", "content_type"),
    [
        ("<title>똠방각하</title>".encode("cp949"), "text/html; charset=EUC-KR"),
        ("<meta charset=euc-kr><title>똠방각하</title>".encode("cp949"), "text/html"),
        ("<meta http-equiv=x content='a; charset=ks_c_5601-1987'><title>똠방각하</title>".encode("cp949"), "text/html"),
        ("<?xml version='1.0' encoding='euc-kr'?><title>똠방각하</title>".encode("cp949"), "application/xhtml+xml"),
        ("<meta charset=utf-8><title>똠방각하</title>".encode("cp949"), 'text/html; charset="cp949"'),
        ("<meta charset=euc-kr><title>똠방각하</title>".encode("utf-8-sig"), "text/html; charset=euc-kr"),
        ("<title>똠방각하</title>".encode("utf-16"), "text/html"),
        ("<title>똠방각하</title>".encode("utf-16-be"), "text/html; charset=utf-16be"),
        ("<meta charset=utf-16><title>똠방각하</title>".encode(), "text/html"),
        ("<meta charset=no><meta charset=idna><title>똠방각하</title>".encode(), "text/html; charset=unicode_escape"),
        ("<title>똠방각하</title>".encode(), "text/html"),
    ],
)  # fmt: skip
def test_korean_in_every_character_set(html: bytes, content_type: str) -> None:
    assert title(html, content_type) == "똠방각하"


def test_other_character_sets_mean_what_browsers_mean() -> None:
    assert title(b"<title>\x80 5</title>", "text/html; charset=iso-8859-1") == "€ 5"
    assert title("<title>①髙</title>".encode("cp932"), "text/html; charset=shift_jis") == "①髙"
    assert title("<title>привет</title>".encode("cp1251"), "text/html; charset=windows-1251") == "привет"
    assert title(b"<title>a\xff\xc0b</title>") == "a\ufffd\ufffdb"
