"""The parts of docs/vendors.md that come from the profiles: `python -m tests.vendor_tables` writes them anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_sixdim.core.quantities import GIB
from pytest_sixdim.core.vendor import CardModel, SamplerChoice, VendorProfile
from pytest_sixdim.schema.vendor import builtin_vendors, load_vendor

DOCUMENT = Path(__file__).parent.parent / "docs" / "vendors.md"
BEGIN, END = "<!-- from the profiles: {} -->\n", "<!-- end -->\n"


def profiles() -> list[VendorProfile]:
    return [load_vendor(path) for path in builtin_vendors().values()]


def codes(texts: Sequence[str]) -> str:
    return ", ".join(f"`{text}`" for text in texts) or "–"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def torch_table() -> str:
    return table(
        ["id", "name", "", "torch device", "import", "backend", "mixed precision"],
        [
            [
                f"`{each.id}`",
                each.name,
                each.name_zh,
                f"`{each.device}`",
                codes(each.imports),
                f"`{each.backend}`",
                f"`{each.amp}`",
            ]
            for each in profiles()
        ],
    )


def host_table() -> str:
    return table(
        ["id", "device nodes below /dev", "PCI vendor", "PCI class", "a process sees", "by", "a container sees"],
        [
            [
                f"`{each.id}`",
                codes(each.device_nodes),
                codes(each.pci_vendors),
                codes(each.pci_classes) if each.pci_vendors else "–",
                codes(each.visible),
                each.visible_by if each.visible else "–",
                codes(each.container_visible),
            ]
            for each in profiles()
        ],
    )


def tool(command: Sequence[str] | Sequence[Sequence[str]]) -> str:
    """What one command, or the first of several, runs."""
    first = command[0]
    return first if isinstance(first, str) else first[0]


def source(choice: SamplerChoice) -> str:
    commands = [tool(way["command"]) for way in choice.options.get("alternatives", ())]
    named = [choice.options["library"]] if "library" in choice.options else list(dict.fromkeys(commands))
    return f"`{choice.sampler}`{f' ({codes(named)})' if named else ''}: {', '.join(choice.channels)}"


def sampling_table() -> str:
    return table(
        ["id", "sources in order of preference, and what each is asked for", "power covers"],
        [[f"`{each.id}`", "; ".join(map(source, each.samplers)) or "–", each.power_scope] for each in profiles()],
    )


def card(model: CardModel) -> str:
    memory = "memory not known" if model.memory is None else f"{model.memory / GIB:.4g} GiB"
    devices = f", {model.devices} devices a board, {memory} each" if model.devices > 1 else f", {memory}"
    peaks = ", ".join(f"{precision} {peak / 1e12:g}" for precision, peak in model.peaks.items())
    return f"`{model.id}`: {codes(model.names)}{devices}{f'; dense TFLOP/s: {peaks}' if peaks else ''}"


def details() -> str:
    return "\n".join("\n".join(section(each)) + "\n" for each in profiles())


def section(profile: VendorProfile) -> Iterator[str]:
    yield f"### {profile.name} (`{profile.id}`)\n"
    if profile.cards:
        yield "Cards known by name:\n"
        yield from (f"- {card(model)}" for model in profile.cards)
        yield ""
    if profile.adapters:
        adapters = ", ".join(f"{name} by `{choice.framework}`" for name, choice in profile.adapters.items())
        yield f"Adapters: {adapters}.\n"
    if profile.quirks:
        yield "Good to know:\n"
        yield from (f"- {quirk}" for quirk in profile.quirks)
        yield ""
    doubts = [doubt for choice in profile.samplers for doubt in choice.unverified]
    yield f"Unverified keys: {codes(profile.unverified) if profile.unverified else 'none'}."
    if doubts:
        yield "\nUnverified of its sources of readings:\n"
        yield from (f"- {doubt}" for doubt in dict.fromkeys(doubts))


PARTS = {"torch": torch_table, "host": host_table, "sampling": sampling_table, "details": details}


def renewed(document: str) -> str:
    """The document with every part as the profiles have it.

    Raises ValueError where it lacks a part.
    """
    for name, part in PARTS.items():
        before, begin, rest = document.partition(BEGIN.format(name))
        _, end, after = rest.partition(END)
        if not begin or not end:
            raise ValueError(f"no part {name!r}")
        document = f"{before}{begin}\n{part()}\n{end}{after}"
    return document


if __name__ == "__main__":
    DOCUMENT.write_text(renewed(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
