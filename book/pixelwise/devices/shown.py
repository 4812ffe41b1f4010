"""The tables and figures of the page *CPU and GPU*, made from two records, of which one or both may be missing."""

import html
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from pixelwise import plots, trained_once
from pixelwise.devices import KINDS, outcomes, pages
from pixelwise.devices.record import OPERATORS

Record = Mapping[str, Any] | None
NAMES = {"cpu": "CPU", "gpu": "GPU"}
NOT_YET = "not measured yet"
HOW = {
    "cpu": "There is no record of a CPU yet; `make record-cpu` writes it.",
    "gpu": "There is no record of a GPU yet; `make record-gpu`, on a machine that has one, writes it.",
}
TRAINED = {"seeing": "classifier of chapter 9", "detector": "detector of chapter 19"}
MOST = 40  # outcomes that differ, in a table


def heads(cpu: Record, gpu: Record) -> plots.Shown:
    """Return a table of where, when and with what each record was made."""
    if cpu is None and gpu is None:
        return _paragraph(f"Machines and versions: {NOT_YET}.")
    rows: dict[str, Callable[[Mapping[str, Any]], str]] = {
        "processor": lambda r: f"{r['machine']['cpu']}, {r['machine']['cores']} cores",
        "GPU": lambda r: r["machine"].get("gpu", "none used"),
        "driver": lambda r: r["machine"].get("driver") or "",
        "threads of PyTorch": lambda r: str(r["machine"]["threads"]),
        "PyTorch": lambda r: r["versions"]["torch"],
        "CUDA, cuDNN": lambda r: ", ".join(filter(None, (r["versions"].get(name) for name in ("cuda", "cudnn")))),
        "torchvision": lambda r: r["versions"]["torchvision"],
        "NumPy": lambda r: r["versions"]["numpy"],
        "Python": lambda r: r["versions"]["python"],
        "system": lambda r: r["machine"]["system"].partition("-with-")[0],
        "commit": lambda r: ", ".join(dict.fromkeys(_short(run["commit"]) for run in r["runs"])),
        "recorded (UTC)": lambda r: _span([run["date"] for run in r["runs"]]),
        "processes that wanted to run": lambda r: _span([x for run in r["runs"] for x in run["load"] if x is not None]),
        "pages recorded": lambda r: str(sum(run["page"] != OPERATORS for run in r["runs"])),
    }
    columns: dict[str, list[str]] = {"": list(rows)}
    for kind, record in zip(KINDS, (cpu, gpu), strict=True):
        columns[f"{NAMES[kind]} record"] = [row(record) if record else NOT_YET for row in rows.values()]
    return plots.table(columns)


def missing(cpu: Record, gpu: Record) -> plots.Shown:
    """Return a list of all that the two records lack: records, pages, parts of pages, and what failed."""
    said = []
    for kind, record in zip(KINDS, (cpu, gpu), strict=True):
        if record is None:
            said.append(HOW[kind])
            continue
        runs = _runs(record)
        if absent := [_title(name) for name in [*_listed(), OPERATORS] if name not in runs]:
            said.append(f"Not in the {NAMES[kind]} record: {'; '.join(absent)}.")
        for name, run in runs.items():
            if run["error"]:
                said.append(f"{_title(name)} failed on the {NAMES[kind]}: {run['error']}")
            needs = sorted({each["needs"] for each in run.get("not_run", ())})
            if needs:
                cells = len({each["cell"] for each in run["not_run"]})
                said.append(
                    f"{_title(name)}: on the {NAMES[kind]} parts of {cells} of {run['cells']} cells were not run, "
                    f"for want of {', '.join(needs)}."
                )
    return _list(said) if said else _paragraph("Nothing is missing: both records have every page, run to its end.")


def pages_table(cpu: Record, gpu: Record) -> plots.Shown:
    """Return the seconds of each page's cells on both, and how many times longer the CPU took for those run on both."""
    names = [name for name in [*_listed(), *_runs(cpu), *_runs(gpu)] if name != OPERATORS]
    return _both("page", {name: (_title(name), _runs(cpu).get(name), _runs(gpu).get(name)) for name in names})


def networks_table(cpu: Record, gpu: Record) -> plots.Shown:
    """Return the seconds that each network which is trained once was trained for on both, and their ratio."""
    first, second = ({each["network"]: each for each in (r or {}).get("networks", ())} for r in (cpu, gpu))
    if not first | second:
        return _paragraph(f"Trainings: {NOT_YET}.")
    rows = {}
    for name in first | second:
        network, _, seed = name.rpartition(" ")
        rows[name] = (f"{TRAINED.get(network, network)}, seed {seed}", first.get(name), second.get(name))
    return _both("network", rows)


def slowest_table(cpu: Record, gpu: Record, count: int = 10) -> plots.Shown:
    """Return the cells that take longest, with their first lines and their seconds on both."""
    runs = {"cpu": _runs(cpu), "gpu": _runs(gpu)}
    found: dict[tuple[str, int], str] = {}
    for each in runs.values():
        found |= {(name, c["cell"]): c["line"] for name, run in each.items() for c in run.get("slowest", ())}

    def took(kind: str, name: str, cell: int) -> float | None:
        seconds = runs[kind].get(name, {}).get("cell_seconds", ())
        return seconds[cell - 1] if cell <= len(seconds) else None

    # A cell's number means the same cell in both only where both recorded the same version of the page.
    same = {n for n in runs["cpu"] if runs["gpu"].get(n, {}).get("key") == runs["cpu"][n]["key"]}
    rows = []
    for (name, cell), line in found.items():
        seconds = [took(kind, name, cell) for kind in KINDS]
        if name not in same and None not in seconds:
            seconds[1] = None
        rows.append((max(each or 0.0 for each in seconds), name, line, seconds))
    rows.sort(key=lambda row: -row[0])
    if not rows:
        return _paragraph(f"Cells: {NOT_YET}.")
    return plots.table(
        {
            "page": [_title(name) for _, name, _, _ in rows[:count]],
            "CPU, s": [_number(seconds[0]) for *_, seconds in rows[:count]],
            "GPU, s": [_number(seconds[1]) for *_, seconds in rows[:count]],
            "first line of the cell": [line for _, _, line, _ in rows[:count]],
        }
    )


def operators_figure(cpu: Record, gpu: Record, caption: str) -> plots.Shown:
    """Return a figure of the operators' seconds over sizes, on both devices, as far as they are measured."""
    rows = {kind: _rows(record, "time") for kind, record in zip(KINDS, (cpu, gpu), strict=True)}
    measured = [kind for kind in KINDS if rows[kind]]
    if not measured:
        return _paragraph(f"Operators: {NOT_YET}.")
    operators = list(dict.fromkeys(row["operator"] for each in rows.values() for row in each))
    # Beside the three operators there is room for the legend.
    fig, axes = plots.figure(width=6.4, height=5.6, ncols=2, nrows=2, sharex=True, sharey=True)
    told = []
    for ax, operator in zip(axes.flat, operators, strict=False):
        ways = list(dict.fromkeys(r["way"] for each in rows.values() for r in each if r["operator"] == operator))
        for kind in measured:
            for number, way in enumerate(ways):
                line = [r for r in rows[kind] if (r["operator"], r["way"]) == (operator, way) and "seconds" in r]
                ax.plot(
                    [r["size"] for r in line],
                    [r["seconds"] for r in line],
                    marker="os"[number],
                    linestyle=("-", "--")[number],
                    color=plots.SERIES[KINDS.index(kind)],
                    label=f"{NAMES[kind]}, {'by windows' if number else 'PyTorch'}",
                )
                if line:
                    last = line[-1]
                    told.append(f"{operator} by {way} on the {NAMES[kind]}: {last['seconds']:.2g} s at {last['size']}")
        ax.set(xscale="log", yscale="log", title=operator)
        ax.set_xticks([8, 32, 128, 512], ["8", "32", "128", "512"])
        ax.minorticks_off()
        ax.grid(True)
        ax.xaxis.set_tick_params(labelbottom=True)
    for ax in axes[:, 0]:
        ax.set_ylabel("seconds")
    axes[1, 0].set_xlabel("side of the map")
    for ax in axes.flat[len(operators) :]:
        ax.set_axis_off()
    axes[1, 1].legend(*axes[0, 0].get_legend_handles_labels(), loc="center")
    alt = "Seconds over the side of the map, both axes logarithmic. " + "; ".join(told) + "."
    absent = [kind for kind in KINDS if kind not in measured]
    also = "".join(f" The {NAMES[kind]} is {NOT_YET}." for kind in absent)
    return plots.show(fig, alt=alt + also, caption=caption + also)


def crossings_table(cpu: Record, gpu: Record) -> plots.Shown:
    """Return, for each operator, from which size on the GPU takes less time, and the ratio at the largest size."""
    first, second = (
        {(r["operator"], r["way"], r["size"]): r["seconds"] for r in _rows(record, "time") if "seconds" in r}
        for record in (cpu, gpu)
    )
    if not first or not second:
        return _paragraph(f"From which size on a GPU takes less time than this CPU: {NOT_YET}.")
    operators = list(dict.fromkeys((operator, way) for operator, way, _ in first))
    columns: dict[str, list[object]] = {"operator": [], "way": [], "GPU faster from": [], "largest on both": []}
    columns["CPU over GPU there"] = []
    for operator, way in operators:
        sizes = sorted(size for o, w, size in first if (o, w) == (operator, way) and (o, w, size) in second)
        slower = [s for s in sizes if second[operator, way, s] >= first[operator, way, s]]
        won = [s for s in sizes if not slower or s > max(slower)]
        largest = sizes[-1] if sizes else None
        ratio = first[operator, way, largest] / second[operator, way, largest] if largest else None
        columns["operator"].append(operator)
        columns["way"].append(way)
        columns["GPU faster from"].append(won[0] if won else "none of these")
        columns["largest on both"].append(largest or "none")
        columns["CPU over GPU there"].append(_number(ratio))
    return plots.table(columns)


def formats_table(cpu: Record, gpu: Record) -> plots.Shown:
    """Return time and error of number formats, for each operator and device."""
    rows = _by(("operator", "format"), "format", cpu, gpu)
    if not rows:
        return _paragraph(f"Formats: {NOT_YET}.")
    columns: dict[str, list[object]] = {"operator": [o for o, _ in rows], "format": [f for _, f in rows]}
    for i, kind in enumerate(KINDS):
        found = [pair[i] for pair in rows.values()]
        columns[f"{NAMES[kind]}, ms"] = [_cell(row, lambda r: _number(1000 * r["seconds"])) for row in found]
        columns[f"error, {NAMES[kind]}"] = [_cell(row, lambda r: _power(r["error"])) for row in found]
    return plots.table(columns)


def sums_table(cpu: Record, gpu: Record) -> plots.Shown:
    """Return how far float32 sums of the same numbers in several orders are from the exact one, on each device."""
    rows = _by(("order",), "sum", cpu, gpu)
    if not rows:
        return _paragraph(f"Sums: {NOT_YET}.")
    columns: dict[str, list[object]] = {"order": [order for (order,) in rows]}
    for i, kind in enumerate(KINDS):
        columns[NAMES[kind]] = [_cell(pair[i], lambda r: _power(r["error"])) for pair in rows.values()]
    return plots.table(columns)


def again_table(cpu: Record, gpu: Record) -> plots.Shown:
    """Return how many of the repeated runs of an operator gave other bits than the first, on each device."""
    rows = _by(("operator",), "again", cpu, gpu)
    if not rows:
        return _paragraph(f"The same again: {NOT_YET}.")
    columns: dict[str, list[object]] = {"operator": [operator for (operator,) in rows]}
    for i, kind in enumerate(KINDS):
        columns[NAMES[kind]] = [
            _cell(pair[i], lambda r: f"{r['different']} of {r['runs']} differ") for pair in rows.values()
        ]
    return plots.table(columns)


def outcomes_count(cpu: Record, gpu: Record) -> plots.Shown:
    """Return a sentence with how many values of pages are equal on both devices, and how many are not."""
    if cpu is None or gpu is None:
        return _paragraph(f"Values of pages on both devices: {NOT_YET}.")
    verdicts = [pair.verdict for pair in outcomes.pairs(cpu, gpu)]
    count = {each: verdicts.count(each) for each in ("equal", "rounding", "differs", "time")}
    return _paragraph(
        f"Of {len(verdicts)} values that pages gave on both devices, {count['equal']} are equal, {count['rounding']} "
        f"differ by no more than the last digit shown, {count['time']} measure time, "
        f"and {count['differs']} differ more."
    )


def outcomes_table(cpu: Record, gpu: Record, which: outcomes.Verdict = "differs") -> plots.Shown:
    """Return the values of pages that compare as `which` says, with both values: at most forty."""
    if cpu is None or gpu is None:
        return _paragraph(f"Values that differ: {NOT_YET}.")
    found = [pair for pair in outcomes.pairs(cpu, gpu) if pair.verdict == which]
    if not found:
        return _paragraph("No value does.")
    table = plots.table(
        {
            "page": [_title(pair.page) for pair in found[:MOST]],
            "value": [pair.name for pair in found[:MOST]],
            "on the CPU": [str(pair.cpu) for pair in found[:MOST]],
            "on the GPU": [str(pair.gpu) for pair in found[:MOST]],
        }
    )
    if len(found) <= MOST:
        return table
    rest = _paragraph(f"{len(found) - MOST} more are in the records.")
    return plots.Shown(table.markup + rest.markup, f"{table!r}\n{rest!r}")


def _runs(record: Record) -> dict[str, Mapping[str, Any]]:
    return {run["page"]: run for run in record["runs"]} if record else {}


def _rows(record: Record, kind: str) -> list[Mapping[str, Any]]:
    return [row for row in _runs(record).get(OPERATORS, {}).get("rows", ()) if row["kind"] == kind]


def _by(names: Sequence[str], kind: str, cpu: Record, gpu: Record) -> dict[tuple[str, ...], list[Any]]:
    """Return the rows of a kind by their values of `names`, each as a pair: the CPU's and the GPU's, or None."""
    found: dict[tuple[str, ...], list[Any]] = {}
    for i, record in enumerate((cpu, gpu)):
        for row in _rows(record, kind):
            found.setdefault(tuple(row[name] for name in names), [None, None])[i] = row
    return found


def _both(what: str, rows: Mapping[str, tuple[str, Any, Any]]) -> plots.Shown:
    """Return a table of seconds: for each row its title and what the CPU's and the GPU's record have of it, or None."""

    def seconds(run: Mapping[str, Any] | None) -> object:
        if run is None:
            return NOT_YET
        if run.get("error"):
            return f"failed in cell {run['done']}" if run.get("done") else "failed"
        return f"{_number(run['seconds'])}, in parts" if run.get("not_run") else _number(run["seconds"])

    def ratio(first: Any, second: Any) -> object:
        if not all(run and not run.get("error") for run in (first, second)):
            return ""
        same = first.get("key") == second.get("key")
        left_out = {each["cell"] for run in (first, second) for each in run.get("not_run", ())}
        if left_out and not same:
            return ""
        lost = [sum(run["cell_seconds"][cell - 1] for cell in left_out) for run in (first, second)]
        took = [run["seconds"] - less for run, less in zip((first, second), lost, strict=True)]
        if took[1] <= 0:
            return ""
        found = _number(took[0] / took[1])
        return found if same else f"{found:g} (two versions)"

    return plots.table(
        {
            what: [title for title, _, _ in rows.values()],
            "CPU, s": [seconds(first) for _, first, _ in rows.values()],
            "GPU, s": [seconds(second) for _, _, second in rows.values()],
            "CPU over GPU": [ratio(first, second) for _, first, second in rows.values()],
        }
    )


@cache
def _titles() -> dict[str, str]:
    return pages.titles(trained_once.COURSE)


@cache
def _listed() -> list[str]:
    toc = trained_once.COURSE / "_toc.yml"
    return pages.listed(trained_once.COURSE) if toc.exists() else []


def _title(name: str) -> str:
    stem = name.rpartition("/")[2].replace("-", " ")
    return _titles().get(name, stem[:1].upper() + stem[1:])


def _cell(row: Mapping[str, Any] | None, written: Callable[[Mapping[str, Any]], object]) -> object:
    if row is None:
        return NOT_YET
    return "failed" if "failed" in row else written(row)


def _number(value: float | None) -> float | str:
    """Return a number with three digits; of a missing one that it is."""
    return NOT_YET if value is None else float(f"{value:.3g}")


def _power(value: float) -> str:
    """Return the size of a number with two digits and a power of ten."""
    if value == 0:
        return "0"
    digits, _, power = f"{abs(value):.1e}".partition("e")
    return f"{digits}{outcomes.POWER}{str(int(power)).translate(outcomes.RAISE)}"


def _short(commit: str) -> str:
    name, _, rest = commit.partition("-")
    return f"{name[:10]}{', files changed' if rest else ''}"


def _span(values: Sequence[Any]) -> str:
    if not values:
        return ""
    first, last = str(min(values)), str(max(values))
    day, _, hour = last.partition(" ")
    if first == last:
        return first
    return f"{first} to {hour if hour and first.startswith(day) else last}"


def _paragraph(text: str) -> plots.Shown:
    return plots.Shown(f"<p>{_code(text)}</p>", text)


def _list(items: Sequence[str]) -> plots.Shown:
    return plots.Shown("<ul>" + "".join(f"<li>{_code(item)}</li>" for item in items) + "</ul>", "\n".join(items))


def _code(text: str) -> str:
    """Return text as HTML, in which what stood between backticks is code."""
    parts = html.escape(text, quote=False).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 and i < len(parts) - 1 else part for i, part in enumerate(parts))
