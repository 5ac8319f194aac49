"""A page as a test reads it."""

from html.parser import HTMLParser

VOID = {"meta"}


class Page(HTMLParser):
    """Tags that are opened and closed in order, attributes, ids, and the text without style and script.

    Its `prose` is the text without source code, too.
    """

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.words, self.prose, self.raw = [], [], [], [], [], {}
        self.feed(text)
        self.close()
        assert not self.open
        self.text, self.prose = (" ".join(" ".join(words).split()) for words in (self.words, self.prose))
        self.ids = [value for name, value in self.attributes if name == "id"]

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("style", "script"):
            self.raw[self.open[-1]] = data
        else:
            self.words.append(data)
            if "pre" not in self.open:
                self.prose.append(data)

    def values_of(self, *names):
        """(name, value) of the attributes of these names."""
        return [(name, value) for name, value in self.attributes if name in names]


def is_harmless(page):
    """Whether nothing on the page could load or run anything, were there no policy."""
    return "img" not in page.tags and not any(
        name.startswith("on") or name in ("src", "href", "style") for name, _ in page.attributes
    )
