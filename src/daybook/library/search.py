"""draft"""
import re
from daybook.tags.names import tag_key

_RUN = re.compile(r"[^\W_]+")


def search_text(title, description, note):
    return "\n".join(" ".join(tag_key(field).split()) for field in (title, description, note) if field)


def bigrams(text):
    return dict.fromkeys(run[i : i + 2] for run in _RUN.findall(text) for i in range(len(run) - 1))
