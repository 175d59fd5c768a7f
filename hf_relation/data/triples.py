"""Corpora of (subject, relation, object) triples, with overlapping relations, as documents."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal

from ..errors import InvalidRowError, UsageError
from .files import stem_of
from .folding import fold_instances
from .locating_report import LeftOut, LocatingReport, Triple
from .schema import Document, Entity, Instance, LabelledPair
from .surface import Located, locate_strings
from .triple_forms import RAW_ROWS, TRIPLE_FORMS, RawRow, RowPlace, TripleForm, form_of, read_rows
from .validation import check_document
from .wiki80 import opennre_instance


logger = logging.getLogger(__name__)

NO_RELATION_NAMES: tuple[str, ...] = ("NA", "None")
"""What NYT's files name a pair without a relation: OpenNRE's and CopyRE's copies."""


def read_triples(
    path: str | os.PathLike[str],
    *,
    form: TripleForm | Literal["auto"] = "auto",
    on_missing: Literal["raise", "skip"] = "raise",
    reflexive: Literal["two_places", "keep"] = "two_places",
    na_label: str | Collection[str] = NO_RELATION_NAMES,
    report: LocatingReport | None = None,
    prefix: str = "triples",
) -> Iterator[Document]:
    """Read texts with their triples, a JSON list of rows or one row per line.

    | form | row | used by |
    |---|---|---|
    | `"triple_list"` | `{"text", "triple_list": [[subject, relation, object], ...]}` | CasRel, PRGC: WebNLG, WebNLG*, NYT |
    | `"relation_mentions"` | `{"sentText", "relationMentions": [{"em1Text", "em2Text", "label"}], "entityMentions": [{"text", "label"}]}` | CopyRE, CoType: NYT |
    | `"opennre"` | `{"text" or "token", "h": {"pos": [start, end]}, "t": ..., "relation"}`, ends exclusive | NYT10, wiki80 |

    The first two name entities as strings. **An entity is a distinct string; its mentions are all of its places**, found by the
    rule of `locate_strings`, ambiguities counted in `report`. WebNLG* names only the last word of an entity, so that word
    alone is the mention. The third has places: lines of one text become one document, see `fold_instances`; the whole file is
    held in memory for that.

    A triple listed twice is two labelled pairs, so that statistics of overlap equal the published ones. The relation between a
    string and itself is a pair whose head and tail are one entity.

    Args:
        path (`str` or `PathLike`): the file, UTF-8; `.gz` is unpacked.
        form (`str`): one of the above, or `"auto"`: the first row's.
        on_missing (`"raise"` or `"skip"`): what to do with a triple one of whose strings is nowhere in the text (third form:
            with a line whose mentions are no two separate places): an error, or left out, counted and listed in `report`.
        reflexive (`"two_places"` or `"keep"`): what to do with a triple whose subject and object are one string that occurs
            once: leave it out and count it, or keep it as a pair of one entity with one mention. A gold triple that is left
            out cannot count as missed, so evaluate with `"keep"`.
        na_label (`str` or `Collection[str]`): relations that mean "no relation": the entities are kept, the pair is not
            labelled.
        report (`LocatingReport`, *optional*): receives the counts.
        prefix (`str`): how ids begin.

    Yields:
        `Document`: with an id such as `"triples/test_triples/12"`: prefix, file, position in the list or line number.

    Raises:
        UsageError: the file does not exist, or an argument has a value that is not allowed.
        InvalidRowError: a row is not of the form or (`on_missing="raise"`) a string is not in its text; the message names row
            and string. Also where, with `"skip"`, no triple at all could be located.

    Example:

    ```python
    >>> import json, pathlib, tempfile
    >>> from hf_relation.data import LocatingReport, read_triples
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "test_triples.json"
    >>> row = {"text": "Ada of Holm met Bob .", "triple_list": [["Ada", "met", "Bob"], ["Ada", "born in", "Holm"]]}
    >>> _ = path.write_text(json.dumps([row]))
    >>> report = LocatingReport()
    >>> document, = read_triples(path, report=report)
    >>> document["mentions"], document["relations"][1]
    ([{'start': 0, 'end': 3}, {'start': 16, 'end': 19}, {'start': 7, 'end': 11}], {'head': 0, 'tail': 2, 'label': 'born in'})
    >>> report.counts()
    {'documents': 1, 'triples': 2, 'located': 2, 'strings': 3, 'exact': 3}

    ```

    Reference:
        Zeng et al., "Extracting Relational Facts by an End-to-End Neural Model with Copy Mechanism", ACL 2018; Wei et al., "A
        Novel Cascade Binary Tagging Framework for Relational Triple Extraction", ACL 2020.
    """
    for name, value, allowed in (
        ("form", form, ("auto", *TRIPLE_FORMS)),
        ("on_missing", on_missing, ("raise", "skip")),
        ("reflexive", reflexive, ("two_places", "keep")),
    ):
        if value not in allowed:
            raise UsageError(f"`{name}` must be {' or '.join(map(repr, allowed))}, got {value!r}.")
    names = frozenset([na_label] if isinstance(na_label, str) else na_label)
    reader = _Reader(f"{prefix}/{stem_of(path)}", on_missing == "skip", reflexive == "keep", names, report)
    return reader.documents(path, None if form == "auto" else form)


class _Reader:
    """One reading of one file."""

    def __init__(
        self, prefix: str, skip: bool, keep_reflexive: bool, na_labels: frozenset[str], report: LocatingReport | None
    ) -> None:
        self.prefix = prefix
        self.skip = skip
        self.keep_reflexive = keep_reflexive
        self.na_labels = na_labels
        self.report = LocatingReport() if report is None else report
        self.first_missing: str | None = None

    def documents(self, path: str | os.PathLike[str], form: TripleForm | None) -> Iterator[Document]:
        before = self.report.located
        folded: list[Instance] = []
        for place, row in read_rows(path):
            form = form or form_of(row, place)
            if form == "opennre":
                folded.extend(self._positions(row, place))
            else:
                yield self._document(RAW_ROWS[form](row, place), place)
        for document in fold_instances(folded):
            self.report.documents += 1
            yield document
        if self.first_missing is not None and self.report.located == before:
            raise InvalidRowError(f"{path}: no triple could be located. The first: {self.first_missing}")
        logger.info("%s: %s.", path, ", ".join(f"{name} {count:,}" for name, count in self.report.counts().items()))

    def _positions(self, row: Mapping[str, Any], place: RowPlace) -> Iterator[Instance]:
        row_id = f"{self.prefix}/{place.number}"
        try:
            instance = opennre_instance(row, row_id, place.line)
        except InvalidRowError as error:
            of_another_form = not isinstance(error.__cause__, InvalidRowError)
            if of_another_form or not self.skip:
                raise place.error(error.reason) from None
            self.report.triples += 1
            self._leave_out(row_id, None, error.reason)
            return
        labels = [label for label in instance["relations"] if label not in self.na_labels]
        self.report.triples += len(labels)
        self.report.located += len(labels)
        self.report.unlabelled += not labels
        yield {**instance, "relations": labels}

    def _document(self, raw: RawRow, place: RowPlace) -> Document:
        row_id = f"{self.prefix}/{place.number}"
        located = locate_strings(raw.text, raw.types)
        self._count_strings(raw, located, row_id, place)
        entities: list[Entity] = []
        position_of: dict[tuple[int, int], int] = {}
        entity_of: dict[str, int] = {}
        for string, found in located.items():
            entity_of[string] = len(entities)
            mentions = [position_of.setdefault(span, len(position_of)) for span in found.places]
            entities.append({"id": None, "type": raw.types[string], "mentions": mentions})
        relations: list[LabelledPair] = [
            {"head": entity_of[subject], "tail": entity_of[object_], "label": label}
            for subject, label, object_ in self._kept(raw.triples, located, row_id)
        ]
        document = {
            "id": row_id,
            "text": raw.text,
            "mentions": [{"start": start, "end": end} for start, end in position_of],
            "entities": entities,
            "relations": relations,
        }
        self.report.documents += 1
        return check_document(document, index=place.index, line=place.line)

    def _count_strings(self, raw: RawRow, located: Mapping[str, Located], row_id: str, place: RowPlace) -> None:
        report = self.report
        labelled = (triple for triple in raw.triples if triple[1] not in self.na_labels)
        in_triples = {string for subject, _, object_ in labelled for string in (subject, object_)}
        for string in raw.types:
            report.strings += 1
            found = located.get(string)
            if found is not None:
                setattr(report, found.how, getattr(report, found.how) + 1)
                report.several += len(found.places) > 1
                report.nested += found.nested
                continue
            reason = _not_in_text(string, raw.text)
            if not self.skip:
                raise place.error(f"{reason} Use on_missing='skip' to leave such triples out.")
            report.not_found += 1
            if string not in in_triples:
                report.left_out.append(LeftOut(row_id, None, reason))

    def _kept(self, triples: list[Triple], located: Mapping[str, Located], row_id: str) -> Iterator[Triple]:
        report = self.report
        times: Counter[Triple] = Counter()
        for triple in triples:
            subject, label, object_ = triple
            if label in self.na_labels:
                report.unlabelled += 1
                continue
            report.triples += 1
            report.repeated += times[triple] > 0
            times[triple] += 1
            missing = [string for string in (subject, object_) if string not in located]
            if missing:
                self._leave_out(row_id, triple, _not_in_text(missing[0]))
            elif subject == object_ and len(located[subject].places) < 2 and not self.keep_reflexive:
                report.same_place += 1
                reason = "subject and object are one string that occurs once."
                report.left_out.append(LeftOut(row_id, triple, reason))
            else:
                report.located += 1
                yield triple

    def _leave_out(self, row_id: str, triple: Triple | None, reason: str) -> None:
        self.first_missing = self.first_missing or reason
        self.report.not_located += 1
        self.report.left_out.append(LeftOut(row_id, triple, reason))


def _not_in_text(string: str, text: str | None = None) -> str:
    where = "the text" if text is None else f"the text {text[:60]!r}"
    return f"the string {string[:60]!r} is nowhere in {where}."
