"""RESULTS.md from what the parts returned.

A part is {"tables", "goals", "notes", "contenders", "data"}: a table has a title, columns, rows
of texts, and may have a note; a goal comes from goal(); contenders are lines about who is who.
"""

INTRO = """\
# Benchmarks

Made by `{command}`{quick}. Figures are for this machine on that day; compare the ratios, not the
figures. All run on it side by side: the load, the milters and Postfix share the processors.
Contenders take turns, a ratio is taken within a round, and the median of the rounds is shown
(least to greatest in brackets).
"""


# -- cells ------------------------------------------------------------------------------------

def whole(value):
    return "–" if value is None else f"{value:,.0f}"


def fine(value):
    return "–" if value is None else f"{value:.3f}"


def megabytes(kilobytes):
    return "–" if kilobytes is None else f"{kilobytes / 1024:.1f}"


def ratio(found):
    """(median, least, greatest) as a text."""
    if found is None:
        return "–"
    return f"**{found[0]:.2f}** ({found[1]:.2f}–{found[2]:.2f})"


# -- goals ------------------------------------------------------------------------------------

def goal(what, found, least):
    """A ratio that has to reach something; found as from load.ratio."""
    got = None if found is None else found[0]
    return {"what": what, "wanted": f"at least {least:.2f}",
            "got": "–" if got is None else f"{got:.2f}",
            "reached": got is not None and got >= least}


def limit(what, got, most, unit, form="{:.1f}"):
    """A figure that must not be more than something."""
    return {"what": what, "wanted": f"at most {form.format(most)} {unit}",
            "got": "–" if got is None else f"{form.format(got)} {unit}",
            "reached": got is not None and got <= most}


# -- text -------------------------------------------------------------------------------------

def table(columns, rows):
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def render(results, machine, titles):
    """results: what each part returned, by name; titles: of the parts, in their order."""
    quick = any(part["quick"] for part in results.values())
    text = [INTRO.format(command="make bench", quick=", in the quick mode" if quick else "")]
    text.append("## Machine\n\n" + table(["what", "is"], machine))

    goals = [goal for name in titles for goal in results.get(name, {}).get("goals", [])]
    if goals:
        text.append("## What was to be reached\n\n" + table(
            ["goal", "wanted", "got", "reached"],
            [[g["what"], g["wanted"], g["got"], "yes" if g["reached"] else "**no**"]
             for g in goals]))
    for name, title in titles.items():
        if name in results:
            text.append(_part(title, results[name]))
    return "\n".join(text)


def _part(title, part):
    text = [f"## {title}\n", f"`{part['command']}`, {part['made']}, {part['seconds']:.0f} s.\n"]
    if part.get("contenders"):
        text.append("\n".join(f"- **{name}**: {what}." for name, what in part["contenders"]) + "\n")
    for found in part.get("tables", []):
        text.append(f"### {found['title']}\n\n" + table(found["columns"], found["rows"]))
        if found.get("note"):
            text.append(found["note"] + "\n")
    text += [f"{note}\n" for note in part.get("notes", [])]
    return "\n".join(text)
