"""What the host says against a run: its vendor's cards, torch, processor and disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_sixdim.campaign.conditions import Conditions
from pytest_sixdim.campaign.finding import Finding, Level
from pytest_sixdim.campaign.holders import Holding
from pytest_sixdim.campaign.host import Host
from pytest_sixdim.campaign.strays import Strays
from pytest_sixdim.campaign.torch_of import Torch
from pytest_sixdim.core.vendor import VendorProfile

GIB = 2**30
#: Load of the host's CPUs, as a share of them, above which ranks and loaders wait for others.
LOAD = 0.25
#: Free room for results, in bytes: below WARN_BYTES a long session may not fit, below STOP_BYTES no session does.
WARN_BYTES, STOP_BYTES = 10 * GIB, 1 * GIB


def of_host(profile: VendorProfile, host: Host) -> Iterator[Finding]:
    """Whether there are cards, and equal ones."""
    if not host.devices:
        hidden = f"; {host.limited_by} hides them" if host.limited_by else ""
        cure = "install the vendor's driver, or give the container its cards"
        if host.limited_by:
            cure = f"unset {host.limited_by}, or name cards there"
        yield Finding("problem", "cards", f"no card of {profile.name} can be used here{hidden}", cure)
    if host.mixed:
        cure = f"choose equal ones with {profile.visible[0]}" if profile.visible else ""
        yield Finding("problem", "cards", f"the cards differ: {host.mixed}", cure)
    if profile.fallback:
        text = f"measured as {profile.name}: {host.found}"
        yield Finding("note", "vendor", text, "name the vendor with --vendor if there is an accelerator")


def of_others(holding: Holding | None, refused: str | None, strays: Sequence[Strays]) -> Iterator[Finding]:
    """This user's other runs, and what killed ones have left; `refused`: why no run can hold cards."""
    if refused is not None:
        yield Finding("problem", "host", refused, "remove it, or name another directory with XDG_RUNTIME_DIR")
    for holder in () if holding is None else holding.holders:
        yield Finding(
            "warning", "host", f"{holder.name} is measuring here; what is seen may be its work", "wait for its end"
        )
    for found in strays:
        text = f"{found.who} {'is' if len(found.pids) == 1 else 'are'} still there"
        yield Finding("warning", "host", text, "the next run ends them before it begins")


def of_torch(profile: VendorProfile, host: Host, torch: Torch) -> Iterator[Finding]:
    """Without a torch that sees the cards no run starts, or it runs somewhere else than the sampler reads."""
    if torch.python is None:
        text = f"{torch.executable} does not run as a Python interpreter: {torch.error}"
        yield Finding("problem", "torch", text, "name the training program's interpreter with --python")
        return
    if torch.error is not None:
        cure = ""
        if torch.version is None:
            cure = f"install torch for {profile.name} there, or name another interpreter with --python"
        elif (torch.failed or "").startswith("import "):
            cure = f"install {(torch.failed or '').removeprefix('import ')} for torch {torch.version} there"
        yield Finding("problem", "torch", f"{torch.failed}: {torch.error}", cure)
    if torch.devices is not None:
        models = [profile.card_model(device.name) for device in host.devices]
        expected = sum(model.devices if model is not None else 1 for model in models)
        if len(torch.devices) < expected:
            text = f"torch sees {len(torch.devices)} of {expected} devices of the type {profile.device!r}"
            cure = (
                f"install a torch built for {profile.name} ({torch.version} is there), and compare driver and runtime"
            )
            yield Finding("problem", "torch", text, cure)
    if torch.backend is False:
        level: Level = "problem" if len(host.devices) > 1 else "warning"
        text = f"torch.distributed has no {profile.backend}: more than one card can't work together"
        yield Finding(level, "torch", text, f"install a torch built with {profile.backend}")


def of_machine(now: Conditions) -> Iterator[Finding]:
    """Of the processor, which feeds the cards, and of the disk."""
    if now.free_bytes is not None and now.free_bytes < WARN_BYTES:
        level: Level = "problem" if now.free_bytes < STOP_BYTES else "warning"
        text = f"{now.free_bytes / GIB:.1f} GiB are free for results"
        yield Finding(level, "disk", text, "make room, or name another place with --results")
    slow = {name: count for name, count in now.governors.items() if name != "performance"}
    if slow:
        names = ", ".join(f"{name} on {count}" for name, count in slow.items())
        text = f"the CPU governor is {names} of {sum(now.governors.values())} CPUs: clocks follow the load"
        yield Finding("warning", "cpu", text, "cpupower frequency-set -g performance")
    elif not now.governors:
        text = "the kernel shows no CPU governor (a virtual machine or a container): clocks are the host's matter"
        yield Finding("note", "cpu", text)
    if now.quota_cpus is not None and now.quota_cpus < now.usable_cpus:
        text = (
            f"a control group allows {now.quota_cpus:g} CPUs' time on {now.usable_cpus} CPUs: ranks will be held back"
        )
        yield Finding("warning", "cpu", text, "raise the container's CPU limit, or give it whole CPUs (cpuset)")
    if now.load > LOAD * now.usable_cpus:
        text = f"the load was {now.load:.1f} on {now.usable_cpus} CPUs over the last minute"
        yield Finding("warning", "cpu", text, "end other work; linearity suffers most")


def of_profile(profile: VendorProfile) -> Iterator[Finding]:
    """What nobody has tried is never presented as tested."""
    if profile.unverified:
        names = ", ".join(profile.unverified)
        yield Finding("note", "profile", f"unverified: nobody has tried {names} of the profile on such a card")
    for choice in profile.samplers:
        for text in choice.unverified:
            yield Finding("note", "profile", f"unverified of sampler {choice.sampler}: {text}")
