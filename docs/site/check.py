"""What a build cannot say of itself: `python docs/site/check.py out/docs` looks at the pages that came out.

Nothing may be fetched from elsewhere, no markup may be left as text, and every public module must have a page.
"""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path


ROOT = Path(__file__).resolve().parents[2]
FETCHED = re.compile(
    r"""<(?:script|link|img|iframe|source|video|audio|object|embed|form)\b[^>]*?\b(?:src|href|data|action|srcset)=["']?((?:https?:)?//[^"'>\s]+)"""
)
STYLED = re.compile(r"""(?:@import|url\()\s*["']?((?:https?:)?//[^"')\s]+)""")
LEFT = {
    "a reference": r"\[`|\]\[",
    "bold": r"\*\*",
    "code": "`",
    "attributes": r"\{: ",
    "a formula": r"\\\(|\\\)",
    "a directive": "^::: ",
}


def problems(site: Path, package: Path) -> list[str]:
    """What is wrong with a built site.

    Args:
        site (`Path`): the folder.
        package (`Path`): the folder of the package it documents.

    Returns:
        `list[str]`: a line each; empty if nothing is.
    """
    found = []
    for path in sorted([*site.rglob("*.html"), *site.rglob("*.css")]):
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(site).as_posix()
        found += [f"{name} fetches {target}" for target in FETCHED.findall(text) + STYLED.findall(text)]
        found += [f"{name} shows {what} as text: {place}" for what, place in leftovers(text)]
    return found + [f"{module} has no page" for module in public_modules(package) if not _page(site, module).is_file()]


def leftovers(page: str) -> list[tuple[str, str]]:
    """Markup that is text on a page, and where."""
    article = re.search(r"<article[\s\S]*?</article>", page)
    text = re.sub(r"<(pre|code|math)\b[\s\S]*?</\1>", "", article.group(0) if article else "")
    text = html.unescape(re.sub(r"<[^>]+>", "", text))
    return [
        (what, " ".join(text[max(0, match.start() - 40) : match.end() + 40].split()))
        for what, pattern in LEFT.items()
        for match in re.finditer(pattern, text, flags=re.MULTILINE)
    ]


def public_modules(package: Path) -> list[str]:
    """Packages, and modules with a public class or function that has a docstring, by their files alone."""
    found = []
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        if any(part.startswith("_") and part != "__init__" for part in parts):
            continue
        documented = re.search(
            r'^(?:async )?(?:def|class) [A-Za-z][\s\S]*?:\n    r?"""', path.read_text(encoding="utf-8"), re.MULTILINE
        )
        if parts[-1] == "__init__" or documented:
            found.append(".".join(parts))
    return found


def _page(site: Path, module: str) -> Path:
    path = site / "api" / module.replace(".", "/").replace("__init__", "index")
    return path.with_suffix(".html")


if __name__ == "__main__":
    wrong = problems(Path(sys.argv[1]), ROOT / "hf_relation")
    print("\n".join(wrong) or f"{sys.argv[1]}: {len(list(Path(sys.argv[1]).rglob('*.html')))} pages, nothing wrong")
    sys.exit(bool(wrong))
