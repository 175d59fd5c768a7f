"""CITATION.cff is valid Citation File Format 1.2.0 as far as this file goes, and names every paper."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from hf_relation.version import __version__


ROOT = Path(__file__).parents[2]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
# Of the format's schema: what a file must have, and all that it and a reference may have of what is used here.
REQUIRED = {"cff-version", "message", "title", "authors"}
ALLOWED = REQUIRED | {
    "type",
    "abstract",
    "version",
    "license",
    "keywords",
    "references",
    "doi",
    "url",
    "date-released",
}
REFERENCE = {
    *(
        "type",
        "title",
        "notes",
        "authors",
        "year",
        "conference",
        "journal",
        "start",
        "end",
        "doi",
        "url",
        "identifiers",
    ),
}
PAPERS = {
    "MORE": ("Wang", 2021, "ICASSP"),
    "MORE-RLL": ("Lou", 2021, "CCL"),
    "RoCORE": ("Zhao", 2021, "EMNLP"),
    "Siamese-URE": ("Zhang", 2023, "ECAI"),
    "KernelRE": ("Li", 2020, "arXiv"),
    "FineCL": ("Hogan", 2022, "EMNLP"),
    "Importance and pruning of attention heads": ("Ma", 2021, "ACL"),
    "GradTS": ("Ma", 2021, "EMNLP"),
}


def test_the_software_is_described():
    assert REQUIRED <= set(CITATION) <= ALLOWED
    assert CITATION["cff-version"] == "1.2.0" and CITATION["type"] == "software"
    assert CITATION["version"] == __version__
    assert CITATION["license"] == "Apache-2.0"


@pytest.mark.parametrize("reference", CITATION["references"], ids=lambda reference: reference["notes"][:30])
def test_references_are_complete(reference):
    assert set(reference) <= REFERENCE
    assert reference["type"] in ("conference-paper", "article")
    assert ("journal" in reference) == (reference["type"] == "article") != ("conference" in reference)
    for author in reference["authors"]:
        assert set(author) == {"given-names", "family-names"} and all(author.values())
    if "doi" in reference:
        assert re.fullmatch(r"10\.\d{4,9}(\.\d+)?/[A-Za-z:/0-9.\-_]+", reference["doi"])
    if "start" in reference:
        assert 0 < reference["start"] < reference["end"]
    for identifier in reference.get("identifiers", []):
        assert re.fullmatch(r"arXiv:\d{4}\.\d{5}", identifier["value"])


@pytest.mark.parametrize("system", PAPERS)
def test_the_paper_of_every_system_is_there(system):
    (found,) = [one for one in CITATION["references"] if one["notes"].partition(" (")[0] == system]
    author, year, venue = PAPERS[system]
    assert found["authors"][0]["family-names"] == author and found["year"] == year
    assert venue in found.get("journal", "") + found.get("conference", {}).get("name", "")


def test_the_encoder_is_cited():
    encoder = [one["title"] for one in CITATION["references"] if "all-MiniLM-L6-v2" in one["notes"]]
    assert [title.partition(":")[0] for title in encoder] == ["MiniLM", "Sentence-BERT"]
