"""Workflows and templates of GitHub: they parse, have no more rights than they need, and what they run exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml


ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))


def loaded(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps(workflow: dict) -> list[dict]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_there_are_workflows():
    assert {"ci.yml", "docs.yml", "release.yml"} <= {path.name for path in WORKFLOWS}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_rights_are_minimal(path):
    workflow = loaded(path)
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 90
        granted = job.get("permissions", {})
        assert not granted or (granted == {"id-token": "write"} and job["environment"] == "pypi")
        assert not any("checkout" in step.get("uses", "") for step in job["steps"]) or not granted


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_to_a_version(path):
    for step in steps(loaded(path)):
        assert ("uses" in step) != ("run" in step)
        if "uses" in step:
            assert re.fullmatch(r"[\w.-]+/[\w.-]+@(v\d+(\.\d+)*|[0-9a-f]{40})", step["uses"]), step["uses"]
        if step.get("uses", "").startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_what_is_run_exists(path):
    for step in steps(loaded(path)):
        code = step.get("run", "")
        # Text that others choose (names of branches, titles) comes through the environment, never into the code.
        assert not re.search(r"\$\{\{\s*(github\.(event|head_ref|ref)|inputs)", code), code
        for target in re.findall(r"\bmake ([a-z]+)", code):
            assert target in TARGETS, target
        for file in re.findall(r"(?:bash |python |^|\s)((?:\.ci|examples|docs|tests|hf_relation)/[\w./-]+)", code):
            assert (ROOT / file).is_file(), file


def test_publishing_waits_for_the_build_and_for_a_person():
    workflow = loaded(ROOT / ".github" / "workflows" / "release.yml")
    publish = workflow["jobs"]["publish"]
    assert publish["needs"] == "build" and publish["environment"] == "pypi"
    # `on` is a boolean to YAML 1.1.
    assert workflow[True] == {"push": {"tags": ["v*"]}}
    assert "secrets." not in (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml")), ids=lambda path: path.name
)
def test_forms_of_issues(path):
    form = loaded(path)
    assert {"name", "description", "body"} <= set(form) <= {"name", "description", "body", "labels", "title"}
    ids = [field["id"] for field in form["body"] if field["type"] != "markdown"]
    assert ids and len(set(ids)) == len(ids)
    for field in form["body"]:
        assert field["type"] in ("markdown", "textarea", "input", "dropdown", "checkboxes")
        assert field["attributes"].get("label") or field["attributes"]["value"]


def test_files_that_contributing_names_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").replace("`SECURITY.md`", "")
    for name in re.findall(
        r"`((?:\.ci|\.github|docs|tests|examples|hf_relation|metrics|dataset_scripts)/[\w./-]*)`", text
    ):
        if "NAME" not in name:
            assert (ROOT / name).exists(), name
    for target in re.findall(r"^    make ([a-z]+)", text, flags=re.MULTILINE):
        assert target in TARGETS, target
    for name in re.findall(r"pytest ((?:tests|hf_relation)/\S+)", text):
        assert (ROOT / name).is_file(), name


def test_warnings_of_the_documentation_are_errors():
    """MkDocs counts warnings for `--strict` behind the filter of `--quiet`: with both, a broken link passes."""
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\ndocs:")[2].partition("\n\n")[0]
    (command,) = [line for line in recipe.splitlines() if "-m mkdocs build" in line]
    assert not re.search(r"\s(-q|--quiet|--no-strict)\b", command)
    settings = (ROOT / "docs" / "mkdocs.yml").read_text(encoding="utf-8")
    assert "\nstrict: true\n" in settings
    assert settings.count(": warn") == 7
