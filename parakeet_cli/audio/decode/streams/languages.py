"""Compares the languages that containers name, in two letters or in three (ISO 639)."""

from __future__ import annotations

# ISO 639-1, then its codes in ISO 639-2, where some languages have two.
_CODES = """
af afr|am amh|ar ara|as asm|az aze|ba bak|be bel|bg bul|bn ben|bo bod tib|br bre|bs bos|ca cat
cs ces cze|cy cym wel|da dan|de deu ger|el ell gre|en eng|es spa|et est|eu eus baq|fa fas per
fi fin|fo fao|fr fra fre|ga gle|gl glg|gu guj|ha hau|haw haw|he heb|hi hin|hr hrv|ht hat|hu hun
hy hye arm|id ind|is isl ice|it ita|ja jpn|jw jav|ka kat geo|kk kaz|km khm|kn kan|ko kor|la lat
lb ltz|ln lin|lo lao|lt lit|lv lav|mg mlg|mi mri mao|mk mkd mac|ml mal|mn mon|mr mar|ms msa may
mt mlt|my mya bur|nb nob|ne nep|nl nld dut|nn nno|no nor nob nno|oc oci|pa pan|pl pol|ps pus
pt por|ro ron rum|ru rus|sa san|sd snd|si sin|sk slk slo|sl slv|sn sna|so som|sq sqi alb|sr srp
su sun|sv swe|sw swa|ta tam|te tel|tg tgk|th tha|tk tuk|tl tgl fil|tr tur|tt tat|uk ukr|ur urd
uz uzb|vi vie|yi yid|yo yor|yue yue|zh zho chi cmn|zu zul
"""
_NAMES = {
    code: frozenset(codes)
    for codes in (entry.split() for entry in _CODES.replace("\n", "|").split("|"))
    for code in codes
    if codes
}


def same_language(tag: str | None, wanted: str) -> bool:
    """Whether a stream's tag (`ger`, `de`, `de-AT`) names the wanted language (`de`)."""
    if not tag:
        return False
    one, other = (text.lower().replace("_", "-").split("-")[0] for text in (tag, wanted))
    return one == other or not _NAMES.get(one, frozenset()).isdisjoint(_NAMES.get(other, ()))
