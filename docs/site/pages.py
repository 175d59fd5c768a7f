"""What the site consists of: the repository's Markdown files where they lie, and a page for every public module.

A hook for mkdocs. Pages keep their paths in the repository, so that links between files work on the site as they do in a
checkout. Nothing is listed by hand but the order of the guides: a new file in `docs/`, a new card, a new room appears by itself.
"""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from pathlib import Path
from posixpath import normpath, relpath
from typing import Any

import griffe
from latex2mathml.converter import convert as to_mathml
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page


ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))

from docstrings import is_shown  # noqa: E402
from hf_markdown import FENCED, loosened  # noqa: E402


PACKAGE = "hf_relation"
# Read first, in this order; other files of docs/ follow by name.
GUIDES = ("methods", "discovery", "scale", "raw-text", "distant-supervision", "naming", "heads", "faq", "benchmarks")
PROJECT = ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "docs/releasing.md", "tests/README.md")
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s#]+)(#[^)\s]*)?\)")


def on_files(files: Files, *, config: Any) -> Files:
    """Add all pages, and say in which order they stand."""
    texts = {path: (ROOT / path).read_text(encoding="utf-8") for path in markdown_files()}
    for path in texts:
        files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    for path in sorted({path for page, text in texts.items() for path in linked_sources(page, text)}):
        content = (ROOT / path).read_text(encoding="utf-8")
        language = Path(path).suffix.lstrip(".") or "text"
        fence = "`" * (3 + max((len(run) for run in re.findall(r"`+", content)), default=0))
        files.append(
            File.generated(config, f"{path}.md", content=f"# `{path}`\n\n{fence}{language}\n{content}\n{fence}\n")
        )
    api = api_pages()
    for path, content in api.items():
        files.append(File.generated(config, path, content=content))
    files.append(File.generated(config, "cli.md", content=command_line()))
    config.nav = navigation(list(texts), list(api))
    # Source files that pages link to are no part of the navigation.
    config.not_in_nav = _ignored([f"{path}.md" for page, text in texts.items() for path in linked_sources(page, text)])
    return files


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """What GitHub reads as it was meant, but Python-Markdown does not; and links to files that are pages here."""
    if page.file.src_uri.startswith(("api/", "cli")):
        return markdown
    parts = FENCED.split(loosened(markdown.splitlines()))
    for number, part in enumerate(parts):
        if number % 2:
            # Words after the language are for the tests: ```python notest
            parts[number] = re.sub(r"\A([ ]*```\w+)[^\n]*", r"\1", part)
        else:
            parts[number] = LINK.sub(lambda match: _page_link(page.file.src_uri, match), part)
    return "".join(parts)


def on_page_content(content: str, **_: Any) -> str:
    """Formulas, `\\(a_i\\)` as code so far, as MathML, which browsers draw themselves."""
    return re.sub(r"<code>\\\((.+?)\\\)</code>", lambda match: to_mathml(html.unescape(match[1])), content)


def markdown_files() -> list[str]:
    """The repository's Markdown files that a reader may want, as paths in it."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "tests").glob("*.md")]
    for folder in ("examples", "metrics", "model_cards", "dataset_scripts"):
        found += (ROOT / folder).rglob("*.md")
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


def linked_sources(page: str, text: str) -> list[str]:
    """Files that a page links to and that are no pages: scripts, configurations."""
    found = []
    for part in FENCED.split(text)[::2]:
        for _, target, _ in LINK.findall(part):
            path = normpath(f"{Path(page).parent.as_posix()}/{target}")
            if "://" in target or target.endswith(".md") or not (ROOT / path).is_file() or _module_page(path):
                continue
            found.append(path)
    return found


def _page_link(page: str, match: re.Match) -> str:
    text, target, anchor = match.groups()
    if "://" in target or target.startswith("mailto:") or target.endswith(".md"):
        return match[0]
    path = normpath(f"{Path(page).parent.as_posix()}/{target}")
    if (ROOT / path / "README.md").is_file():
        path = f"{path}/README.md"
    elif (ROOT / path).is_file():
        path = _module_page(path) or f"{path}.md"
    else:
        return match[0]  # mkdocs says that it leads nowhere
    return f"[{text}]({relpath(path, Path(page).parent.as_posix())}{anchor or ''})"


def _module_page(path: str) -> str | None:
    if not path.startswith(f"{PACKAGE}/") or not path.endswith(".py") or "/_" in path.replace("__init__", ""):
        return None
    return f"api/{path.removesuffix('.py').removesuffix('/__init__')}{'/index' if path.endswith('__init__.py') else ''}.md"


def api_pages() -> dict[str, str]:
    """A page for every public module with something documented in it, from its docstring."""
    package = griffe.load(PACKAGE, search_paths=[str(ROOT)], submodules=True, resolve_aliases=True)
    pages: dict[str, str] = {}

    def add(module: griffe.Module) -> None:
        inner = [one for one in module.modules.values() if not one.is_alias and not one.name.startswith("_")]
        own = [one for one in module.members.values() if not one.is_alias and not one.is_module and is_shown(one)]
        path = "api/" + module.path.replace(".", "/")
        if module.is_package or module.is_init_module:
            shown = [f"# {module.path}\n\n[](){{#{module.path}}}\n", f"::: {module.path}\n"]
            shown += ["    options: {members: false}\n"] if not own else []
            shown += [_exports(module), _modules(inner)]
            pages[f"{path}/index.md"] = "\n".join(shown)
        elif own:
            pages[f"{path}.md"] = f"# {module.path}\n\n[](){{#{module.path}}}\n\n::: {module.path}\n"
        for one in sorted(inner, key=lambda one: one.name):
            add(one)

    add(package)
    return pages


def _summary(one: griffe.Object) -> str:
    text = one.docstring.value.strip().split("\n\n")[0] if one.docstring else ""
    text = re.sub(r"\[`~?([\w.]+)(\(\))?`\]", lambda match: f"`{match[1].rpartition('.')[2]}{match[2] or ''}`", text)
    text = re.sub(r"\\{1,2}\((.+?)\\{1,2}\)", r"`\\(\1\\)`", " ".join(text.split()))
    return text.replace("|", "\\|")


def _exports(module: griffe.Module) -> str:
    rows = []
    for name in sorted(map(str, module.exports or []), key=str.lower):
        member: Any = module.members.get(name)
        if member is None or not member.is_alias or member.final_target.is_attribute:
            continue
        target = member.final_target
        shown = f"[`{name}`][{target.path}]" if is_shown(target) else f"`{name}`"
        rows.append(f"| {shown} | {_summary(target)} |")
    return "\n".join(["## Names\n", "| name | |", "| --- | --- |", *rows, ""]) if rows else ""


def _modules(modules: list[griffe.Module]) -> str:
    rows = [
        f"| [`{one.name}`][{one.path}] | {_summary(one)} |"
        for one in sorted(modules, key=lambda one: one.name)
        if one.is_init_module or any(is_shown(member) for member in one.members.values() if not member.is_alias)
    ]
    return "\n".join(["## Modules\n", "| module | |", "| --- | --- |", *rows, ""]) if rows else ""


def command_line() -> str:
    """The commands with all their options, in a process of its own: it imports the whole package."""
    command = [sys.executable, str(Path(__file__).parent / "command_line.py")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=600)
    return done.stdout


def navigation(files: list[str], api: list[str]) -> list[Any]:
    """The order of the pages."""
    guides = [f"docs/{name}.md" for name in GUIDES if f"docs/{name}.md" in files]
    guides += [path for path in files if path.startswith("docs/") and path not in guides and path not in PROJECT]
    examples = [path for path in files if path.startswith("examples/") and path != "examples/tutorial.md"]
    cards = [path for path in files if path.startswith(("model_cards/", "metrics/", "dataset_scripts/"))]
    project = [path for path in PROJECT if path in files]
    others = [path for path in files if path not in {"README.md", "examples/tutorial.md"}]
    project += [path for path in others if path not in {*guides, *examples, *cards, *project}]
    return [
        {"Start": ["README.md"]},
        {"Tutorial": ["examples/tutorial.md"]},
        {"Guides": guides},
        {"Examples": sorted(examples, key=lambda path: (path.count("/"), path))},
        {"Cards": cards},
        {"Command line": ["cli.md"]},
        {"API": _tree(api)},
        {"Project": project},
    ]


def _tree(paths: list[str], base: str = f"api/{PACKAGE}/") -> list[Any]:
    """Rooms with their modules, from a flat list of paths."""
    below = [path.removeprefix(base) for path in paths if path.startswith(base)]
    entries: list[Any] = [f"{base}index.md"]
    for folder in sorted({path.split("/")[0] for path in below if "/" in path}):
        entries.append({folder: _tree(paths, f"{base}{folder}/")})
    entries += [
        {path.removesuffix(".md"): base + path} for path in sorted(below) if "/" not in path and path != "index.md"
    ]
    return entries


def _ignored(paths: list[str]) -> Any:
    from pathspec.gitignore import GitIgnoreSpec

    return GitIgnoreSpec.from_lines([f"/{path}" for path in paths])
