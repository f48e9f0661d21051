"""Whether a thing said is denied, over, past, feared, or somebody else's: NegEx and ConText, in both languages.

One pass over the tokens marks each with its state; a finding takes the state of its first token. Method: Chapman
et al., "A simple algorithm for identifying negated findings and diseases in discharge summaries", 2001, and Harkema
et al., "ConText", 2009; the cues are data (`knowledge/rules/findings/cues.toml`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.matcher import Match
from agent.tokens import Token

_REACH_EN, _REACH_ZH = 8, 14
"""Tokens after a negation that it can still deny; NegEx uses 5 words, lists of patients run a little longer."""
_NEAR = 4
_LIST = 120
"""Most tokens that a denied list runs on for."""
_CLOSE = 6
"""Most words before "is normal" that it speaks of."""
_BARE = 6
"""Most words in a list item that carries the negation of the list on ("no fever, stiff neck, or rash")."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LIVELY = _words(
    "i i'm im i've ive i'd my me he she he's she's his her we our it it's its they is am are was were "
    "has have had do does did now since for started start keeps feel feels a bit some very really today "
    "yesterday but can't cannot cant also still just getting got gets went woke then when after 我 他 她 现 "
    "今 昨 很 有 是 但 还 又"
)
_TURNS = _words(
    "i i'm im i've ive my he she he's she's his her the it it's now then is was am have has had feels "
    "feel started also keeps we they can't cannot cant there this that"
)
_ASKS = _words(
    "is are can could does do did will would should what what's whats how why which who where isn't isnt "
    "doesn't may might whether am"
)
_HAVE, _THEY = _words("have has"), _words("i he she we they")
"""Where these stand together at a clause's beginning, it asks ("have I overdosed?")."""
_SUDDENLY = _words("suddenly 突")
_STORY = 2
"""Most sentences after an old date in which a "that night" still tells of it."""

_FELT = _words(
    "and but then now after so he she i it they who pain pains hurts ache bleeding fainted collapsed vomited fell "
    "疼 痛 晕 吐 血 麻 肿 倒 摔 撞 咳 烧 抽 闷 憋 了 过 后 就 才 又 已 在 应 可 估"
)
"""Words that "is fine" and "没事" do not reach over: what is felt, what has happened, and a new subject."""

_DOES = _words(
    "barely hardly eat drink walk speak feel only still just not move see hear bend talk swallow breathe "
    "stand bear weight keep tolerate finish sleep be get make sit lie touch manage"
)
"""After "can", these make a note of what somebody can do ("can walk") and no question."""
_LEAVES_OFF = _words("stop miss skip quit run ran come came forgot forget forgotten 停 断 漏 忘")
"""Stems of the verbs by which a medicine is left off."""
_OPENINGS = _words(
    "so and but ok okay also hi hello hey doctor please well oh just thanks then yes no right alright omg god help"
)


@dataclass(frozen=True, slots=True)
class State:
    """What holds of a token."""

    negated: bool = False
    sound: bool = False
    past: bool = False
    hypothetical: bool = False
    feared: bool = False
    family: bool = False
    other: bool = False


class Context:
    """The states of one text's tokens. `cues` are the cue matches by name, `cores` the tokens findings rest on.

    `symptoms` are the tokens that symptoms span: a "gone" among them ("gone yellow") ends nothing.
    """

    def __init__(
        self,
        tokens: Sequence[Token],
        cues: Mapping[str, Sequence[Match]],
        cores: frozenset[int],
        symptoms: frozenset[int],
    ) -> None:
        self._tokens = tokens
        size = len(tokens)
        self._clauses = _runs([token.clause for token in tokens])
        self._sentences = _runs([token.sentence for token in tokens])
        off = {i for match in cues.get("neg_not", ()) for i in range(match.first, match.last)}
        plain = self._denials(cues, "plain", "plain_not")
        undone = [(place, match) for place, match in self._denials(cues, "undone") if not self._no_more(match)]
        self._plain = {place for place, _ in plain}
        kept = self._denials(cues, "kept")
        self._kept = {i for _, match in kept for i in range(match.first, match.last) if tokens[i].stem in _LEAVES_OFF}
        off -= self._plain
        self._breaks = {match.first for match in cues.get("break", ())}
        spanned = {i for place, match in plain for i in range(place, match.last)}
        self._stops = self._breaks | ({match.first for match in cues.get("turn", ())} - spanned)
        self._now = {match.first for match in cues.get("now", ())}
        denying = {
            i
            for name in ("neg", "neg_near", "deny")
            for match in cues.get(name, ())
            for i in range(match.first, match.last)
            if i not in off
        }
        self._inner = denying | {place for place, _ in undone}
        self.negators = (denying - cores) | self._plain
        self._negated = [False] * size
        for i in spanned | {i for _, match in undone for i in range(match.first, match.last)}:
            self._negated[i] = True
        for name in ("neg", "neg_near", "deny"):
            for match in cues.get(name, ()):
                if match.first in self.negators:
                    self._spread_negation(match, near=name == "neg_near", deny=name == "deny")
        for match in cues.get("neg_after", ()):
            if match.first not in off and match.first not in cores:
                self._deny_backwards(match)
        for place, match in kept:
            for i in range(place + 1, match.last):
                self._negated[i] = i in self._kept
        self._sound = [False] * size
        doubted = {match.last for match in cues.get("sound_not", ())}
        for match in cues.get("sound", ()):
            if match.first not in doubted:
                self._deny_before(match)
        self._today = self._places(cues, "today", "today_not")
        self._long_ago = {i for match in cues.get("long_ago", ()) for i in range(match.first, match.last)}
        self._past = self._mark_past(cues)
        self._mark_over(cues)
        loose = {match.first for match in cues.get("now_loose", ())}
        self._real = {match.first for match in cues.get("real", ())}
        self._real |= self._now - loose
        self._tells = {match.first for match in cues.get("tells", ())}
        self._tells_she = {match.first for match in cues.get("tells_she", ())}
        self._hypothetical = self._mark_forward(cues.get("hyp", ()))
        self._feared = self._mark_forward(cues.get("fear", ()))
        self._mark_questions()
        for start, end in {self._clauses[match.first] for match in cues.get("about", ())}:
            self._feared[start:end] = [True] * (end - start)
        self._unreal = [False] * size
        self._mark_frames(cues)
        for match in cues.get("guess", ()):
            _, end = self._clauses[match.first]
            self._unreal[match.first : end] = [True] * (end - match.first)
        for start, end in {self._clauses[match.first] for match in cues.get("rumour", ())}:
            if not self._own(start, end):
                self._unreal[start:end] = [True] * (end - start)
        self._idiom = {i for match in cues.get("idiom", ()) for i in range(match.first, match.last)}
        self._family, self._other = self._mark_people(cues)
        self._mine = {match.last for match in cues.get("mine", ())}
        self.over = self._ends(cues.get("resolved", ()), off | symptoms)

    def state(self, match: Match) -> State:
        """The state of what matched; `match.inside` counts too, as in "arm is not weak"."""
        first = match.first
        mine = any(place in self._mine for place in range(first - 2, first + 1))
        return State(
            negated=self._negated[first]
            or any(i in self._inner for i in match.inside)
            or any(i in self._plain or i in self._kept for i in range(first, match.last) if i not in match.inside),
            sound=self._sound[first],
            past=self._past[first],
            hypothetical=self._unreal[first]
            or (self._hypothetical[first] and not mine)
            or all(i in self._idiom for i in (match.first, match.last - 1)),
            feared=self._feared[first] and not mine,
            family=self._family[first],
            other=self._other[first],
        )

    def broken(self, match: Match) -> bool:
        """Whether a "but" stands inside what matched."""
        return any(i in self._breaks for i in match.inside)

    def clause(self, place: int) -> tuple[int, int]:
        """First token and end of the clause that holds a token."""
        return self._clauses[place]

    def sentence(self, place: int) -> tuple[int, int]:
        """First token and end of the sentence that holds a token."""
        return self._sentences[place]

    def _denials(self, cues: Mapping[str, Sequence[Match]], name: str, but: str = "") -> list[tuple[int, Match]]:
        """Denials told in words that elsewhere are a complaint of something missing, each with the place of its negator.

        `but` names what takes one back, where it covers that place.
        """
        signs = {i for cue in ("neg", "neg_near", "deny") for m in cues.get(cue, ()) for i in range(m.first, m.last)}
        doubted = {i for match in cues.get(but, ()) for i in range(match.first, match.last)}
        found = []
        for match in cues.get(name, ()):
            place = next((i for i in range(match.first, match.last) if i in signs), None)
            if place is not None and place not in doubted:
                found.append((place, match))
        return found

    def _no_more(self, match: Match) -> bool:
        """Whether what matched is said to have ended ("不喝酒了"), and so was once."""
        end = match.last
        return end < len(self._tokens) and self._tokens[end].raw == "了" and end < self._clauses[match.first][1]

    def _spread_negation(self, match: Match, *, near: bool, deny: bool) -> None:
        tokens, (_, end) = self._tokens, self._clauses[match.last - 1]
        chinese = tokens[match.first].raw >= "\u3400"
        reach = _NEAR if near else (_REACH_ZH if chinese else _REACH_EN)
        for place in range(match.last, min(end, match.last + reach)):
            if self._turns(place):
                return
            self._negated[place] = True
        if near or (match.last + reach < end and not deny):
            return
        stop = self._list_end(end, deny=deny, chinese=chinese)
        for place in range(end, stop):
            if self._turns(place):
                return
            self._negated[place] = True

    def _turns(self, place: int) -> bool:
        """Whether a negation stops here: at "but", or at "and" with a new subject."""
        if place in self._stops:
            return True
        if self._tokens[place].raw != "and" or place + 1 >= len(self._tokens):
            return False
        return self._tokens[place + 1].raw in _TURNS

    def _list_end(self, place: int, *, deny: bool, chinese: bool) -> int:
        """Where the list that began in the clause before `place` ends; `place` when there is none."""
        stop, closed = place, deny
        while stop < min(len(self._tokens), place + _LIST):
            token = self._tokens[stop]
            if token.pause not in (",", "，", "、") or (stop != self._sentences[stop][0] and not self._bare(stop)):
                break
            if token.sentence != self._tokens[place - 1].sentence:
                break
            if chinese and not deny and token.pause != "、":
                break
            start, end = self._clauses[stop]
            closed = closed or chinese or any(t.raw in ("or", "nor", "或") for t in self._tokens[start:end])
            stop = end
            if not deny and any(t.raw in ("or", "nor") for t in self._tokens[start:end]):
                break
        return stop if closed else place

    def _bare(self, place: int) -> bool:
        start, end = self._clauses[place]
        if end - start > _BARE * (2 if self._tokens[start].raw >= "\u3400" else 1):
            return False
        return not any(token.raw in _LIVELY for token in self._tokens[start:end])

    def _deny_backwards(self, match: Match) -> None:
        start, end = self._clauses[match.first]
        if match.last != end:
            return
        if match.first == start and start and self._tokens[start].pause in (":", "：", "-", "("):
            start, _ = self._clauses[start - 1]
        for place in range(max(start, match.first - _REACH_ZH), match.first):
            self._negated[place] = True

    def _deny_before(self, match: Match) -> None:
        """Denies the few words before "is normal" or "没问题" at the end of a clause."""
        start, end = self._clauses[match.first]
        if match.last != end or self._tokens[start].raw in _ASKS:
            return
        for place in range(match.first - 1, max(start, match.first - _CLOSE) - 1, -1):
            if self._tokens[place].raw in _FELT or place in self._stops:
                return
            self._sound[place] = True

    def _places(self, cues: Mapping[str, Sequence[Match]], name: str, but: str) -> set[int]:
        """Where a cue begins, without the places that another cue covers."""
        off = {i for match in cues.get(but, ()) for i in range(match.first, match.last)}
        return {match.first for match in cues.get(name, ()) if match.first not in off}

    def _mark_past(self, cues: Mapping[str, Sequence[Match]]) -> list[bool]:
        past = [False] * len(self._tokens)
        off = {i for match in cues.get("past_not", ()) for i in range(match.first, match.last)}
        for match in cues.get("past", ()):
            if match.first in off:
                continue
            start, end = self._clauses[match.first]
            if past[start]:
                continue
            turns = self._firm() if match.first in self._long_ago else self._now
            now = min((i for i in range(start, end) if i in turns), default=end)
            if now < match.first:
                continue
            past[start:now] = [True] * (now - start)
        for match in cues.get("past_list", ()):
            _, end = self._clauses[match.last - 1]
            stop = end
            while stop < len(self._tokens) and self._tokens[stop].sentence == self._tokens[match.first].sentence:
                if stop - end > _LIST:
                    break
                if not self._bare(stop):
                    break
                stop = self._clauses[stop][1]
            for place in range(match.last, stop):
                if place in self._now or place in self._breaks or past[place]:
                    break
                past[place] = True
        self._mark_then(cues, past, off)
        return past

    def _firm(self) -> set[int]:
        """Words of now, but for "suddenly", which an old story has as well."""
        return {place for place in self._now if self._tokens[place].raw not in _SUDDENLY}

    def _mark_then(self, cues: Mapping[str, Sequence[Match]], past: list[bool], off: set[int]) -> None:
        """A clause of "that night", and what follows it in its sentence, is past where an old date stands shortly before it."""
        now = self._firm() | self._today
        old = sorted(self._long_ago - off)
        for match in cues.get("then", ()):
            before = [place for place in old if place < match.first]
            if not before or self._tokens[match.first].sentence - self._tokens[before[-1]].sentence > _STORY:
                continue
            if any(before[-1] < place < match.first for place in now):
                continue
            start, end = self._clauses[match.first][0], self._sentences[match.first][1]
            stop = min((i for i in range(start, end) if i in now or i in self._breaks), default=end)
            past[start:stop] = [True] * max(0, stop - start)

    def _mark_over(self, cues: Mapping[str, Sequence[Match]]) -> None:
        """An old event with "nothing since" after it is past from its own sentence to there, but for clauses of today."""
        off = {i for match in cues.get("past_not", ()) for i in range(match.first, match.last)}
        old = sorted({match.first for match in cues.get("past", ()) if match.first not in off})
        void = self._places(cues, "until", "")
        for end in sorted({match.last for match in cues.get("since_fine", ())}):
            before = [place for place in old if place < end]
            if not before or any(
                end - _LIST < place < self._sentences[end - 1][1] and place >= before[0] for place in void
            ):
                continue
            place = self._sentences[before[0]][0]
            while place < end:
                start, stop = self._clauses[place]
                if not any(i in self._today for i in range(start, stop)):
                    self._past[place : min(stop, end)] = [True] * (min(stop, end) - place)
                place = stop

    def _mark_frames(self, cues: Mapping[str, Sequence[Match]]) -> None:
        """What is invented, studied, or quoted.

        A story, an exercise or a leaflet makes its whole sentence unreal, and with a word that nobody is ill ("no
        patient", "all pretend") the whole message; clauses in which somebody tells of their own body stay real.
        """
        cast = {self._tokens[match.first].sentence for match in cues.get("cast", ())}
        stories = cues.get("fiction", ())
        for match in stories:
            told = self._tells if self._tokens[match.first].sentence in cast else self._tells | self._tells_she
            self._frame(match.first, *self._sentences[match.first], told)
        if stories and self._places(cues, "unreal", "unreal_not"):
            place = 0
            while place < len(self._tokens):
                _, stop = self._clauses[place]
                self._frame(place, place, stop, self._tells)
                place = stop
        for match in () if cues.get("mine_too") else cues.get("told", ()):
            _, end = self._sentences[match.first]
            for place in range(match.last, end):
                first, stop = self._clauses[place]
                if place in self._breaks or place in self._tells or (first == place and self._turns_real(place)):
                    break
                if first == place and any(i in self._tells_she for i in range(first, stop)):
                    break
                self._unreal[place] = True

    def _frame(self, cue: int, start: int, end: int, told: set[int]) -> None:
        """Makes a sentence unreal for the cue in it, but for what tells of a body: a clause before the cue, the rest after."""
        place = start
        first, _ = self._clauses[cue]
        while place < first:
            _, stop = self._clauses[place]
            if not self._own(place, stop):
                self._unreal[place:stop] = [True] * (stop - place)
            place = stop
        stop = min((i for i in range(cue, end) if i in told and not self._negated[i]), default=end)
        self._unreal[place:stop] = [True] * (stop - place)

    def _own(self, start: int, end: int) -> bool:
        """Whether a clause tells of somebody's body now ("my chest hurts", "he has had a fever since noon")."""
        told = self._tells | self._tells_she
        return any(i in told and not self._negated[i] for i in range(start, end))

    def _mark_forward(self, matches: Sequence[Match]) -> list[bool]:
        marked = [False] * len(self._tokens)
        for match in matches:
            _, end = self._sentences[match.first]
            for place in range(match.last, end):
                if place in self._breaks or marked[place] or self._turns_real(place):
                    break
                marked[place] = True
        return marked

    def _turns_real(self, place: int) -> bool:
        """Whether a new clause begins here that speaks of somebody real, or of now."""
        start, end = self._clauses[place]
        return start == place and any(i in self._real and not self._negated[end - 1] for i in range(start, end))

    def _mark_questions(self) -> None:
        """A clause that asks and speaks of nobody real is about knowledge; so is the list that follows it."""
        place = 0
        while place < len(self._tokens):
            start, end = self._clauses[place]
            lead = start
            while lead < end - 1 and lead < start + 3 and self._tokens[lead].raw in _OPENINGS:
                lead += 1
            after = self._tokens[lead + 1].raw if lead + 1 < end else ""
            if (
                (self._tokens[lead].raw in _ASKS or (self._tokens[lead].raw in _HAVE and after in _THEY))
                and after not in _DOES
                and not any(i in self._real for i in range(start, end))
            ):
                for i in range(lead, self._sentences[start][1]):
                    if self._hypothetical[i] or (i > lead and self._turns_real(i)):
                        break
                    self._hypothetical[i] = True
            place = end

    def _mark_people(self, cues: Mapping[str, Sequence[Match]]) -> tuple[list[bool], list[bool]]:
        family, other = [False] * len(self._tokens), [False] * len(self._tokens)
        for match in cues.get("family", ()):
            _, end = self._sentences[match.first]
            for place in range(match.last, end):
                if place in self._breaks or place in self._now or other[place]:
                    break
                other[place] = True
        for match in cues.get("died", ()):
            start, end = self._sentences[match.first]
            if any(i in self._today or i in self._tells for i in range(start, end)):
                start, end = self._clauses[match.first]
                end = min((i for i in range(match.first, end) if i in self._tells), default=end)
            other[start:end] = [True] * (end - start)
        for start, end in {self._sentences[match.first] for match in cues.get("pet", ())}:
            other[start:end] = [True] * (end - start)
        me = bool(cues.get("me"))
        for name in ("kin_had", "kin"):
            if name == "kin" and not me:
                continue
            for match in cues.get(name, ()):
                _, end = self._clauses[match.first]
                for place in range(match.first, end):
                    if self._tokens[place].raw in ("and", "but") or place in self._now or family[place]:
                        break
                    family[place] = True
        return family, other

    def _ends(self, matches: Sequence[Match], off: set[int]) -> list[int]:
        """The last place in each clause where something is said to be over and that is not denied."""
        last: dict[int, int] = {}
        for match in matches:
            if match.first and match.first not in off and not self._negated[match.first]:
                clause = self._clauses[match.first][0]
                last[clause] = max(match.first, last.get(clause, 0))
        return sorted(last.values())


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """For each place, the first place and end of its run of equal numbers."""
    runs: list[tuple[int, int]] = []
    start = 0
    while start < len(numbers):
        end = start + 1
        while end < len(numbers) and numbers[end] == numbers[start]:
            end += 1
        runs += [(start, end)] * (end - start)
        start = end
    return runs
