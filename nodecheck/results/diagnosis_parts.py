"""The parts of a diagnosis: what is wrong and its cause, the evidence for it, and what to do."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_EVIDENCE = re.compile(r"\s*\((residual ([^\s;]+) against (?:[^()]|\([^()]*\))*)\)")
_BETWEEN = re.compile(r"(?<=[.!?])\s+(?=[A-Z∂])")
_REMEDY = re.compile(
    r"(Usual remedy: |(Loop|Tell|Use|Keep|Claim|Give|Take|Return|End|Compute|Differentiate) )"
)
_MOST = 220  # characters of a headline: two lines of a terminal


@dataclass(frozen=True)
class DiagnosisParts:
    """A diagnosis in parts; `residual` is infinite where no cause was fitted."""

    headline: str
    rest: str
    evidence: str
    remedy: str
    residual: float


def parts_of(diagnosis: str) -> DiagnosisParts:
    """Return the parts of a diagnosis.

    The headline ends with the sentence of the cause, which is the one with a residual; without such a
    sentence it is as many as two lines hold.  A sentence that tells what to do begins with the verb.
    """
    text = " ".join(diagnosis.split())
    sentences = _BETWEEN.split(text) if text else []
    remedies = [s for s in sentences if _REMEDY.match(s)]
    others = [s for s in sentences if not _REMEDY.match(s)]
    causes = [k for k, s in enumerate(others) if _EVIDENCE.search(s)]
    plain = without_evidence(others)
    headline, rest = _around(plain, causes[-1] + 1) if causes else _from_the_start(plain)
    return DiagnosisParts(
        headline=" ".join(headline),
        rest=" ".join(rest),
        evidence="; ".join(found.group(1) for found in _EVIDENCE.finditer(text)),
        remedy=" ".join(_capitalised(s.removeprefix("Usual remedy: ")) for s in remedies),
        residual=min((_number(found[1]) for found in _EVIDENCE.findall(text)), default=math.inf),
    )


def without_evidence(sentences: list[str]) -> list[str]:
    """Return the sentences without residuals and runners-up."""
    return [_EVIDENCE.sub("", s) for s in sentences]


def _around(sentences: list[str], end: int) -> tuple[list[str], list[str]]:
    """Return the last sentences before `end` that two lines hold, and those after it."""
    start = 0
    while start < end - 1 and len(" ".join(sentences[start:end])) > _MOST:
        start += 1
    return sentences[start:end], sentences[:start] + sentences[end:]


def _from_the_start(sentences: list[str]) -> tuple[list[str], list[str]]:
    """Return the first sentences, at least one, that two lines hold, and the others."""
    end = 1
    while end < len(sentences) and len(" ".join(sentences[: end + 1])) <= _MOST:
        end += 1
    return sentences[:end], sentences[end:]


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:] if text[:6].isalpha() else text


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.inf
