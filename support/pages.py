"""Pages for a browser that work offline: their look, and pages of text, tables and pictures."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

# A page may fetch nothing, even if something in it asks for that.
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 1280px; margin: 0 auto; padding: 0 1rem 4rem; }
h1, h2, h3 { line-height: 1.2; }
h2 { border-bottom: 2px solid #0072b2; margin-top: 3rem; padding-bottom: 0.2rem; }
h3 { margin: 2.5rem 0 0; }
a { color: #005a8e; }
img { max-width: 100%; }
p { margin: 0.3rem 0; }
nav ul { columns: 18rem; margin: 0.3rem 0 1rem; }
nav li { break-inside: avoid; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.2rem 1rem; }
dt { font-weight: 600; }
dd { margin: 0; overflow-wrap: anywhere; }
.note { color: #555; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 290px), 1fr)); row-gap: 1rem; }
.figures > div { min-width: 0; }
.wide { overflow-x: auto; }
.wide > div { min-width: 900px; }
.lacking { border-left: 4px solid #e69f00; padding: 0.3rem 0.8rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; margin: 1rem 0; }
caption { text-align: left; font-weight: 600; padding: 0.3rem 0; }
th, td { border-bottom: 1px solid #ddd; padding: 0.25rem 0.8rem; text-align: left; }
thead th { border-bottom: 2px solid #888; }
"""


def page(title: str, sentences: Sequence[str], table: Sequence[Sequence[str]], picture: Path) -> str:
    """A page with sentences, a table whose first row are its headings, and a PNG inside; all texts are escaped."""
    paragraphs = "\n".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
    head, *rows = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in table] or [""]
    head = head.replace("td>", "th>")
    cells = "\n".join(f"<tr>{row}</tr>" for row in rows)
    image = base64.b64encode(picture.read_bytes()).decode()
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
{paragraphs}
<table><thead><tr>{head}</tr></thead><tbody>
{cells}
</tbody></table>
<img alt="{escape(title)}" src="data:image/png;base64,{image}">
</body>
</html>
"""
