"""A mutant of C on trial: compiler, C tests, oracle, C tests under the sanitizers, tests in Python.

What the compiler turns into the same code is the same program. All that was not
changed is linked as it was built once.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from functools import cached_property
from pathlib import Path

from .mutant import Mutant
from .tree import Outcome, Tree

# hidden symbols would be the same code, and tests could not reach them
PLAIN = ("-std=c11", "-O2", "-fPIC", "-Inumafit/include", "-Isrc")
CHECKED = (*PLAIN, "-O1", "-DNF_GAPS", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
TESTS = (
    *("fit", "calls", "counts", "refusals", "closest", "claims", "misuse", "mix", "resources"),
    *("pci_bound", "hitting", "change", "assign", "ends", "scanned", "many", "bounds", "readers"),
    "fuzz",
)
"""Quickest first."""
ORACLE = 12_000
"""Answers compared: a few seconds."""
PYTEST = (
    "tests/unit/test_capacity_by_hand.py",
    "tests/unit/test_host_and_fleet.py",
    "tests/unit/test_host_resources.py",
    "tests/unit/test_pci_requests.py",
    "tests/vectors",
    "tests/property/test_pci_exact.py",
    "tests/property/test_laws.py",
)


class Build:
    """The engine as a shared library in a folder, and the C tests that ask it."""

    def __init__(self, tree: Tree, folder: Path, flags: tuple[str, ...]) -> None:
        self.tree, self.folder, self.flags = tree, folder, flags
        self.sources = sorted(tree.path.glob("src/*.c"))
        self.objects = {source: folder / f"{source.stem}.o" for source in self.sources}
        self.library = folder / "libnf.so"
        (folder / "changed").mkdir(parents=True, exist_ok=True)
        for source, target in self.objects.items():
            if not self.compile(source, target):
                raise RuntimeError(f"{source} does not compile")
        self.includes = {source: self._included(source) for source in self.sources}
        self.link({})
        for name in TESTS:
            self.cc(*flags, "-w", "-Itests/c", f"tests/c/test_{name}.c", "tests/c/fixture.c",
                    *self.linked, "-o", folder / f"test_{name}")  # fmt: skip

    @property
    def linked(self) -> tuple[object, ...]:
        return ("-L", self.folder, "-lnf", f"-Wl,-rpath,{self.folder}", "-lpthread")

    def cc(self, *words: object) -> None:
        subprocess.run(["cc", *map(str, words)], cwd=self.tree.path, check=True)

    def compile(self, source: Path, target: Path) -> bool:
        done = subprocess.run(
            ["cc", *self.flags, "-w", "-c", str(source), "-o", str(target)],
            cwd=self.tree.path, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        return done.returncode == 0

    def _included(self, source: Path) -> set[Path]:
        said = subprocess.run(
            ["cc", *self.flags, "-MM", str(source)],
            cwd=self.tree.path, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        return {(self.tree.path / word).resolve() for word in re.findall(r"\S+\.[ch]\b", said)}

    def changed(self, file: str) -> dict[Path, Path] | None:
        """Objects of all that is made of the file, compiled again; None: not to be compiled."""
        path = (self.tree.path / file).resolve()
        made = {}
        for source in self.sources:
            if path in self.includes[source]:
                made[source] = self.folder / f"changed/{source.stem}.o"
                if not self.compile(source, made[source]):
                    return None
        return made

    def link(self, changed: dict[Path, Path]) -> None:
        self.library.unlink(missing_ok=True)
        self.cc("-shared", *self.flags, *{**self.objects, **changed}.values(), "-o", self.library)

    def failing(self, seconds: float, memory: bool = True) -> str:
        for name in TESTS:
            if not self.tree.run([self.folder / f"test_{name}"], seconds, memory):
                return f"tests/c/test_{name}.c"
        return ""


class CTrial:
    def __init__(self, tree: Tree, work: Path, quick: bool = False) -> None:
        self.tree, self.work, self.quick = tree, work, quick
        self.plain = Build(tree, work / "plain", PLAIN)
        self._modules()

    @cached_property
    def checked(self) -> Build:
        return Build(self.tree, self.work / "checked", CHECKED)

    def _modules(self) -> None:
        suffix = sysconfig.get_config_var("EXT_SUFFIX")
        include = sysconfig.get_path("include")
        for name in ("_as_one", "_engine", "_header", "_slab", "columns/_nova_text", "nova/_seen"):
            source, made = self.work / f"{Path(name).name}.c", f"numafit/{name}{suffix}"
            subprocess.run(
                (sys.executable, "-m", "cython", f"numafit/{name}.pyx", "-o", source),
                cwd=self.tree.path, check=True,
            )  # fmt: skip
            self.plain.cc("-O1", "-fPIC", "-shared", "-w", f"-I{include}", "-Inumafit/include",
                          "-Inumafit", source, *self.plain.linked, "-o", made)  # fmt: skip

    def untouched(self) -> str:
        """Which test fails on the program as it is; else nothing."""
        failing = self.plain.failing(10)
        return failing if failing or self.quick else self._oracle(50) or self._pytest(200)

    def _oracle(self, seconds: float) -> str:
        command = [self.tree.python, "-m", "tests.mutants.short_oracle", ORACLE]
        return "" if self.tree.run(command, seconds) else "tests/oracle"

    def _pytest(self, seconds: float) -> str:
        return "" if self.tree.pytest([*PYTEST], seconds) else "pytest"

    def _sanitizers(self, mutant: Mutant, before: str) -> str:
        if "checked" not in self.__dict__:  # built of the program as it is
            (self.tree.path / mutant.file).write_text(before)
            _ = self.checked
            self.tree.put(mutant)
        changed = self.checked.changed(mutant.file)
        self.checked.link(changed or {})
        return "sanitizers" if self.checked.failing(60, memory=False) else ""

    def __call__(self, mutant: Mutant) -> Outcome:
        before = self.tree.put(mutant)
        try:
            changed = self.plain.changed(mutant.file)
            if changed is None:
                return Outcome("stillborn")
            objects = self.plain.objects
            if all(
                made.read_bytes() == objects[source].read_bytes()
                for source, made in changed.items()
            ):
                return Outcome("same", "the compiler")
            self.plain.link(changed)
            killer = self.plain.failing(3)
            if not (killer or self.quick):
                killer = self._oracle(15) or self._sanitizers(mutant, before) or self._pytest(120)
            return Outcome("killed", killer) if killer else Outcome("survived")
        finally:
            (self.tree.path / mutant.file).write_text(before)
            # mutants of Python are tried on the engine as it is
            self.plain.link({})
