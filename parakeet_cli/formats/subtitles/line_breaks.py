"""Says how well a line can break between two tokens, as a cost.

The order of preference is that of the broadcasters' guides (BBC Subtitle Guidelines,
Netflix's Timed Text Style Guide): after a sentence, after a clause, before a
conjunction, before a preposition; never between an article, a preposition or a title
and what it belongs to.
"""

from __future__ import annotations

from parakeet_cli.formats.subtitles.tokens import SubtitleToken

SENTENCE = 0.0
QUOTE = 0.5  # between a comma and a quotation, or after a quotation
CLAUSE = 1.0  # ; : and dashes
COMMA = 1.5
CONJUNCTION = 2.5
PREPOSITION = 3.5
ANYWHERE = 5.0
INSEPARABLE = 9.0  # after an article or a title; between a number and its noun
INSIDE_WORD = 12.0

LONG_SILENCE = 1.5  # seconds; a subtitle that is shown through a longer one looks stuck
NOTICED_PAUSE = 0.25  # seconds; shorter pauses are articulation, not phrasing
PAUSE_WORTH = 5.0  # by how much one second of pause lowers the cost
SEGMENT_WORTH = 2.0  # the engine ended a segment here

CLOSING = "\"'’”»›)]}」』】》〉）］"
OPENING = "\"'“‘„«‹「『"
SENTENCE_ENDS = ".!?…。！？｡؟۔।॥։"
CLAUSE_ENDS = ";:—–；：؛"
COMMAS = ",，、､،"

ABBREVIATED = "mr mrs ms dr prof st sr jr vs mt rev hon gen col capt sgt lt fig vol"
TITLES = frozenset(ABBREVIATED.split())

# By language: words that can begin a line, and words that should not end one.
CONJUNCTIONS = {
    "en": "and but or nor so yet because although though while whereas if unless until when "
    "whenever where wherever which who whom whose that than since as",
    "de": "und oder aber denn sondern weil dass obwohl während wenn falls ob als wo wie damit "
    "bevor nachdem sobald",
    "fr": "et ou mais donc or ni car que qui dont où quand lorsque parce puisque si comme",
    "es": "y e o u pero sino porque aunque que quien cuando donde mientras si como",
    "it": "e ed o ma però perché che chi quando dove mentre se come anche",
    "pt": "e ou mas porém porque embora que quem quando onde enquanto se como",
    "nl": "en of maar want dus omdat dat die wanneer terwijl als toen zodat hoewel",
}
PREPOSITIONS = {
    "en": "about above across after against along among around at before behind below beneath "
    "beside between beyond by despite down during except for from in inside into like near of "
    "off on onto out over through to toward towards under up upon with within without",
    "de": "an auf aus bei bis durch für gegen hinter in im am vom zum zur mit nach neben ohne "
    "seit über um unter von vor zu zwischen wegen",
    "fr": "à au aux avec chez contre dans de des du depuis en entre par pendant pour sans sous "
    "sur vers",
    "es": "a al ante bajo con contra de del desde durante en entre hacia hasta para por según "
    "sin sobre tras",
    "it": "a al alla con contro da dal dalla di del della dei in nel nella per senza sotto su "
    "sul sulla tra fra verso",
    "pt": "a ao à até com contra de do da dos das desde durante em no na entre para por sem "
    "sob sobre",
    "nl": "aan achter bij binnen boven door in langs met na naar naast om onder op over per "
    "sinds te tegen tot tussen uit van voor zonder",
}
NO_BREAK_AFTER = {
    "en": "a an the my your his her its our their this these those no every each some any "
    "very i he she it we they you not to is am are was were be been will would can could "
    "shall should may might must has had have do does did i'm i've i'll he's she's it's",
    "de": "der die das den dem des ein eine einen einem einer eines mein dein sein ihr unser "
    "kein keine nicht sehr ich du er sie es wir",
    "fr": "le la les un une des mon ma mes ton ta tes son sa ses notre votre leur ce cette "
    "ces je tu il elle on nous vous ils elles ne très",
    "es": "el la los las un una unos unas mi mis tu tus su sus este esta ese esa no muy se yo",
    "it": "il lo la i gli le un uno una mio mia tuo tua suo sua questo questa non molto si",
    "pt": "o a os as um uma meu minha seu sua este esta esse essa não muito se eu",
    "nl": "de het een mijn jouw zijn haar ons onze hun deze dit geen niet zeer ik je hij ze we",
}


class BreakCosts:
    """The costs for one language; for an unknown one, only by punctuation and pauses."""

    def __init__(self, language: str | None) -> None:
        code = (language or "").lower().replace("_", "-").split("-")[0]
        self._conjunctions = frozenset(CONJUNCTIONS.get(code, "").split())
        self._prepositions = frozenset(PREPOSITIONS.get(code, "").split())
        self._no_break_after = frozenset(NO_BREAK_AFTER.get(code, "").split())

    def cost(self, left: SubtitleToken, right: SubtitleToken) -> float:
        """The cost of a break between `left` and `right`, from 0; a pause lowers it."""
        cost = self._by_text(left.text, right.text)
        if left.word == right.word and cost > COMMA:
            return INSIDE_WORD
        pause = right.start - left.end
        if pause > NOTICED_PAUSE:
            cost -= PAUSE_WORTH * (pause - NOTICED_PAUSE)
        if right.opens:
            cost -= SEGMENT_WORTH
        return max(cost, SENTENCE)

    def _by_text(self, left: str, right: str) -> float:
        bare = left.rstrip(CLOSING)
        mark = bare[-1:]
        if ends_sentence(left):
            return SENTENCE
        if mark and mark in CLAUSE_ENDS + COMMAS:
            if bare != left or right[0] in OPENING:
                return QUOTE
            return CLAUSE if mark in CLAUSE_ENDS else COMMA
        last, first = _key(left), _key(right)
        if last in self._no_break_after or last in TITLES or _is_number(bare) or left in "-–—":
            return INSEPARABLE
        if last in self._prepositions or last in self._conjunctions:
            return INSEPARABLE - 1
        if first in self._conjunctions:
            return CONJUNCTION
        if first in self._prepositions:
            return PREPOSITION
        if bare[:1].isupper() and right[:1].isupper():
            return INSEPARABLE - 2  # most likely a name
        return ANYWHERE


def ends_sentence(text: str) -> bool:
    """Whether the text ends a sentence: not with a title, an initial or `3.`."""
    bare = text.rstrip(CLOSING)
    if not bare or bare[-1] not in SENTENCE_ENDS:
        return False
    if bare[-1] != "." or bare.endswith("..."):
        return True
    stem = bare[:-1].lstrip("\"'“‘«([")
    if len(stem) == 1 and stem.isalpha() and stem != "I":
        return False
    return stem.lower() not in TITLES and not ("." in stem and len(stem) <= 4)


def _key(text: str) -> str:
    return text.strip("\"'“”‘’«»()[].,;:!?…").lower().replace("’", "'")


def _is_number(text: str) -> bool:
    return text[:1].isdigit() and text[-1:].isdigit()
