"""Holds every link of a built book against its files and anchors: book_links.py FOLDER. Prints what leads nowhere, and fails then."""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links and the anchors of a page.

    >>> page = Page(); page.feed('<h1 id="a"><a href="b.html#c">x</a><img src="p.svg"></h1>')
    >>> page.links, page.anchors
    (['b.html#c', 'p.svg'], {'a'})
    """

    def __init__(self):
        super().__init__()
        self.links, self.anchors = [], set()

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("id", "name"):
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.links.append(value)


def read(path):
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def main(folder):
    pages = {path: read(path) for path in sorted(folder.rglob("*.html")) if path.name not in ("404.html", "toc.html")}
    faults = []
    for path, page in pages.items():
        for link in page.links:
            url = urlsplit(link)
            # print.html is all pages in one, whose links are those of the pages.
            if url.scheme or url.netloc or path.name == "print.html":
                continue
            to = (path.parent / unquote(url.path)).resolve() if url.path else path
            if not to.is_file():
                faults.append(f"{path}: {link}: there is no such file")
            elif url.fragment and to in pages and unquote(url.fragment) not in pages[to].anchors:
                faults.append(f"{path}: {link}: there is no such anchor")
    print("\n".join(faults), end="\n" if faults else "", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
