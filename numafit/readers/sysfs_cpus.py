"""CPU sets of sysfs, as lists (``0-3``) or as masks (``00000000,0000000f``) of older kernels."""

from __future__ import annotations

import re

from numafit.cpuset import MAX_CPU_ID
from numafit.errors import InputError
from numafit.readers import checks
from numafit.readers.tree import Tree

CPUS = "devices/system/cpu"
_NAME = re.compile(r"cpu([0-9]{1,5})")
_WORDS = re.compile(r"[0-9a-f]{1,16}(,[0-9a-f]{8}|,[0-9a-f]{16})*", re.IGNORECASE)


def cpus_of(tree: Tree, as_list: str, as_mask: str) -> frozenset[int]:
    """The CPUs of the list in one file or, where there is none, of the mask in the other.

    Raises ``InputError`` where neither a list nor a mask stands there.
    """
    text = tree.text(as_list)
    if text is not None:
        cpus = checks.cpu_list(as_list, text)
    else:
        cpus = mask_cpus(as_mask, tree.text(as_mask) or "")
    tree.spend(len(cpus))
    return cpus


def mask_cpus(key: str, text: str) -> frozenset[int]:
    """The bits of a mask as the kernel prints it: hexadecimal words, the highest first."""
    if not text:
        return frozenset()
    digits = text.replace(",", "")
    if len(digits) * 4 > MAX_CPU_ID + 1 or not _WORDS.fullmatch(text):
        raise InputError(None, key, text, "a CPU mask such as 00000000,0000000f")
    bits = bin(int(digits, 16))[:1:-1]
    return frozenset(n for n, bit in enumerate(bits) if bit == "1")


def online_cpus(tree: Tree) -> frozenset[int] | None:
    """The CPUs that are on; ``None`` where the tree has no CPU at all."""
    text = tree.text(f"{CPUS}/online")
    if text is not None:
        return checks.cpu_list(f"{CPUS}/online", text)
    found = [int(name[1]) for entry in tree.names(CPUS) if (name := _NAME.fullmatch(entry))]
    # the first CPU often has no such file, since it cannot be put off
    on = frozenset(cpu for cpu in found if tree.whole(f"{CPUS}/cpu{cpu}/online") != 0)
    return on or None


def present_cpus(tree: Tree) -> frozenset[int] | None:
    """The CPUs that are there, on or off; ``None`` where the tree does not say."""
    text = tree.text(f"{CPUS}/present")
    return checks.cpu_list(f"{CPUS}/present", text) if text else None


def core_of(tree: Tree, cpu: int) -> frozenset[int]:
    """The threads of the CPU's core, as its topology says; empty where it says nothing."""
    base = f"{CPUS}/cpu{cpu}/topology"
    return cpus_of(tree, f"{base}/thread_siblings_list", f"{base}/thread_siblings") or cpus_of(
        tree, f"{base}/core_cpus_list", f"{base}/core_cpus"
    )
