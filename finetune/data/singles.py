"""Single sentences of the library turned into what somebody would ask, and answered with what else the page says of it."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

from agent.types import Audience
from finetune.data import patterns
from finetune.data.draft import Draft
from finetune.data.grounded import LONGEST
from finetune.data.topics import Part, Sentence, Topic, name_of, small, stands_alone
from finetune.data.voice import about_kin, capital, fill, frames, mine, mine_chinese, one_of
from knowledge.chunk import units
from knowledge.types import Passage
from retrieval.tokenize import tokens


def from_sentences(topics: Sequence[Topic], *, seed: int) -> Iterator[Draft]:
    """Questions that one sentence answers, with what else a person in that place should hear."""
    for topic in topics:
        for part in topic.parts:
            for sentence in part.sentences:
                if units(sentence.text) <= LONGEST and not sentence.step and stands_alone(sentence.text):
                    chance = random.Random(f"{seed} sentence {topic.id} {sentence.text}")
                    make = _english if topic.language == "en" else _chinese
                    yield from make(topic, part, sentence, chance)


def _english(topic: Topic, part: Part, sentence: Sentence, chance: random.Random) -> Iterator[Draft]:
    text = sentence.text
    said = frames("en")["sentence"]
    make = Make(topic, part, sentence, chance)
    if found := patterns.TODAY.match(text):
        yield from make.when(found[1], found[2], "today")
    elif found := patterns.BOOK.match(text):
        yield from make.when(found[1], found[2], "book")
    elif found := patterns.BEFORE.match(text):
        thing, clause = found[1], mine(found[2])
        verb = "take " if "take" in text or "taking" in text else "use " if "us" in text else "have "
        yield from make.asked(said["before_if"], v=f"{verb}{mine(thing)}", c=clause)
    elif found := patterns.DONT.match(text):
        verb, _, clause = found[1].partition(" if ")
        verb = mine(
            re.split(
                r", (?:as|because|since|even|which|unless|but|so)\b| because | as (?=it|this|they|that)| unless | until | without ",
                verb,
            )[0]
        )
        if clause.startswith("you ") and "," not in clause and len(clause.split()) < 12:
            yield from make.asked(said["dont_if"], v=verb, c=mine(clause))
        elif not clause and verb.count(",") == 0 and len(verb.split()) < 11 and " or " not in verb:
            yield from make.asked(said["dont"], v=verb)
    elif patterns.NOT_A_NAME.match(text) or len(text) > 130:
        return
    elif found := patterns.DOES.match(text):
        yield from make.yes_no(f"{capital(found[2])} {small(found[1])} {mine(found[3])}?", "No, ")
    elif found := patterns.CAN.match(text):
        yield from make.yes_no(
            f"Can {small(found[1])} {mine(_before_comma(found[4]))}?", "No, " if found[3] else "Yes, "
        )
    elif found := patterns.IS.match(text):
        yield from make.yes_no(
            f"{capital(found[2])} {small(found[1])} {mine(_before_comma(found[4]))}?", "No, " if found[3] else "Yes, "
        )


def _chinese(topic: Topic, part: Part, sentence: Sentence, chance: random.Random) -> Iterator[Draft]:
    text = sentence.text
    said = frames("zh")["sentence"]
    make = Make(topic, part, sentence, chance)
    if patterns.URGENT.search(text):
        return
    if found := patterns.ZH_TODAY.match(text):
        yield from make.asked(said["today_if"], c=mine_chinese(found[1]))
    elif found := patterns.ZH_BOOK.match(text):
        yield from make.asked(said["book_if"], c=mine_chinese(found[1]))
    elif found := patterns.ZH_BEFORE.match(text):
        yield from make.asked(said["before_if"], c=_person(found[1], chance), v=found[2])
    elif ((found := patterns.ZH_DONT.match(text)) and patterns.ZH_WHEN.search(found[1])) or (
        (found := patterns.ZH_CANNOT.match(text)) and re.search("的人$|孕妇$|孩子$|病人$", found[1])
    ):
        person = found[1] if not found[1].endswith("的人") else f"{_person(found[1], chance)}，"
        yield from make.asked(said["dont"], c=person, v=found[2])
    elif found and patterns.ZH_CANNOT.match(text):
        yield from make.yes_no(f"{found[1]}能{found[2]}吗？", "不能，")
    elif found := patterns.ZH_USELESS.match(text):
        yield from make.yes_no(f"{found[1]}对{found[2]}有用吗？", "")
    elif found := patterns.ZH_MAYBE.match(text):
        yield from make.yes_no(f"{found[1]}会是{found[3]}吗？", "有可能，")
    elif found := patterns.ZH_IS.match(text):
        asked = {
            "不是": f"{found[1]}是{found[3]}吗？",
            "不会传染": f"{found[1]}会传染吗？",
            "不能根治": f"{found[1]}能根治吗？",
        }
        yield from make.yes_no(
            asked.get(found[2], f"{found[1]}{found[2]}{found[3]}吗？"), "不是，" if found[2] == "不是" else ""
        )


class Make:
    """Drafts around one sentence: the frames filled, and what follows the sentence chosen from its page."""

    def __init__(self, topic: Topic, part: Part, sentence: Sentence, chance: random.Random) -> None:
        self.topic, self.part, self.sentence, self.chance = topic, part, sentence, chance

    def when(self, word: str, what: str, level: str) -> Iterator[Draft]:
        said = frames("en")["sentence"]
        what = one_of(re.sub(r", as .*$|, because .*$|, even .*$", "", what), self.chance)
        if len(what.split()) > 18:
            return
        if word == "if":
            clause = about_kin(mine(what))
            yield from self.asked(said[f"{level}_if"], c=clause)
        else:
            thing = about_kin(mine(what))
            yield from self.asked(said[f"{level}_for"], x=thing, X=capital(thing))

    def yes_no(self, question: str, lead: str) -> Iterator[Draft]:
        audience: Audience = "clinician" if self.chance.random() < 0.2 else "patient"
        said = frames(self.topic.language)["sentence"]
        if len(question.split()) > 16 or len(question) > 110 or patterns.UNNAMED.search(question):
            return
        choices = said["yes_no_clinician"] if audience == "clinician" else said["yes_no"]
        yield from self.asked(choices, lead=lead, audience=audience, Q=question, q=small(question))

    def asked(
        self, choices: Sequence[str], *, lead: str = "", audience: Audience = "patient", **words: str
    ) -> Iterator[Draft]:
        """A frame may bring the answer's first word ("Yes, |...") or else the caller's `lead` is taken."""
        frame = self.chance.choice(choices)
        own, bar, asked = frame.rpartition("|")
        lead = own if bar else lead
        if "c" in words:
            words["C"] = capital(words["c"])
        question = fill(asked, **words)
        if not self._names_it(question):
            name = name_of(self.topic, self.part, self.chance)
            if not name:
                return
            around = self.chance.choice(frames(self.topic.language)["sentence"]["about_it"])
            question = fill(around, n=name, q=small(question), Q=capital(question))
            asked = f"{around} {asked}"
        first = f"{lead}{small(self.sentence.text)}" if lead and lead[0].isascii() else f"{lead}{self.sentence.text}"
        yield Draft(
            "grounded", self.topic.language, audience, self.topic.id, question,
            ((first, self.sentence.passage), *self._more()), f"sentence:{asked}",
        )  # fmt: skip

    def _names_it(self, question: str) -> bool:
        low = question.lower()
        if self.topic.language == "zh":
            return any(len(set(name) & set(low)) >= 2 for name in (self.topic.title, *self.topic.names))
        stems = {
            word[:5]
            for name in (self.topic.title, *self.topic.names)
            for word in re.findall(r"[a-z]{4,}", name.lower())
        }
        return any(word[:5] in stems for word in re.findall(r"[a-z]{4,}", low)) or len(low.split()) > 12

    def _more(self) -> tuple[tuple[str, Passage], ...]:
        """One or two sentences of the page that speak of the same thing as the first, nearest first, in the page's order."""
        mine_ = words(self.sentence.text)
        common = {word for name in (self.topic.title, *self.topic.names) for word in words(name)}
        order = [(part, each) for part in self.topic.parts for each in part.sentences]
        place = next(i for i, (_, each) in enumerate(order) if each is self.sentence)
        scored = []
        for i, (part, each) in enumerate(order):
            if (
                i == place
                or each.step
                or units(each.text) > LONGEST
                or not stands_alone(each.text)
                or each.text == self.sentence.text
            ):
                continue
            theirs = words(each.text)
            shared = (theirs & mine_) - common - _GENERIC
            rule = any(form.match(each.text) for form in _RULES) or bool(patterns.URGENT.search(each.text))
            if len(theirs & mine_) > 0.6 * min(len(theirs), len(mine_)) or len(shared) < (
                2 if rule or part is not self.part else 1
            ):
                # The same again, or another condition than the one that was told.
                continue
            score = len(shared) + (0.8 if part is self.part else 0.0)
            score += 0.5 if abs(i - place) == 1 and part is self.part and not each.bullet else 0.0
            scored.append((-score, i))
        kept = [i for score, i in sorted(scored)[: self.chance.choice((1, 1, 2, 2, 3))]]
        if not kept and place + 1 < len(order):
            # A paragraph goes on where it left off.
            part, following = order[place + 1]
            if part is self.part and not following.bullet and stands_alone(following.text):
                kept = [place + 1] if units(following.text) <= LONGEST else []
        return tuple((order[i][1].text, order[i][1].passage) for i in sorted(kept))


_RULES = (patterns.TODAY, patterns.BOOK, patterns.ZH_TODAY, patterns.ZH_BOOK)


def words(text: str) -> set[str]:
    return {word for word in tokens(text) if len(word) > 3 or not word.isascii()}


_GENERIC = frozenset(
    tokens(
        "see a doctor today call an ambulance now get medical emergency help at once book a visit your you have with take does not "
        "may can also often usually more than people person child "
        "当天 就医 看 医生 立即 叫 救护车 急诊 马上 去 医院 请 拨打 急救 电话 的 人 并且 或 要 不要 可以 可能 时 后 先 问 出现 孩子"
    )
)


def _before_comma(rest: str) -> str:
    return re.split(r", (?:as|but|so|and|even|which|because|like|such|though|especially|unless)\b", rest)[0]


def _person(condition: str, chance: random.Random) -> str:
    """The asker as one of "people who have this or that"."""
    condition = re.sub(r"（[^）]*）", "", condition.removesuffix("的人").removesuffix("的"))
    either = re.match(r"^(.{2,}?)或((?:有|在|得|吃|正|做|怀)..*)$", condition)
    if either:
        condition = either[chance.choice((1, 2))]
    elif "或" in condition and len(condition.split("或")[0]) > 2:
        condition = condition.split("或")[0]
    return condition if re.match(r"我|孩子|孕妇|老人", condition) else f"我{condition}"
