"""``numafit replay``: do recorded answers of nova and numafit's agree?"""

from __future__ import annotations

from collections import Counter

import click

from numafit.cli.output import format_option, print_json, print_table, say
from numafit.replaying.replay import AGREES, ARTEFACT, DIFFERS, Verdict, replay

_SHOWN = 10


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--all", "everything", is_flag=True, help="Name every case that differs.")
@format_option("json")
def command(files: tuple[str, ...], everything: bool, output: str) -> int:
    """Ask recorded cases again, and report where numafit and nova agree.

    FILE holds cases in the format of numafit's test vectors, one per line, as JSON; it may be
    compressed by gzip, or be a log of nova with numafit in shadow mode. Nova itself is not
    needed. An artefact is a case where nova's answer hung on what it had tried before, and
    numafit gives the one that nova gives when it is asked afresh.

    \b
    Examples:
      numafit replay tests/vectors/data/fit.jsonl.gz
      numafit replay tests/vectors/data/capacity.jsonl.gz --format json

    Exit status: 0 all agree, 1 some differ, 2 bad input.
    """
    found = [verdict for file in files for verdict in replay(file)]
    differing = [verdict for verdict in found if verdict.verdict == DIFFERS]
    if output == "json":
        print_json(_report(found, differing))
    else:
        _show(found, differing, None if everything else _SHOWN)
    return 1 if differing else 0


def _counts(found: list[Verdict]) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {}
    for verdict in found:
        counts.setdefault(verdict.question, Counter())[verdict.verdict] += 1
    return counts


def _report(found: list[Verdict], differing: list[Verdict]) -> dict[str, object]:
    return {
        "questions": {
            question: {"cases": count.total(), **{w: count[w] for w in (AGREES, ARTEFACT, DIFFERS)}}
            for question, count in _counts(found).items()
        },
        "other_threads": [verdict.id for verdict in found if verdict.other_threads],
        "artefacts": [verdict.id for verdict in found if verdict.verdict == ARTEFACT],
        "differing": [
            {
                "id": verdict.id,
                "question": verdict.question,
                "numafit": verdict.numafit,
                "nova": verdict.nova,
            }
            for verdict in differing
        ],
    }


def _show(found: list[Verdict], differing: list[Verdict], limit: int | None) -> None:
    print_table(
        ("question", "cases", "agree", "artefacts", "differ"),
        (
            (question, count.total(), count[AGREES], count[ARTEFACT], count[DIFFERS])
            for question, count in _counts(found).items()
        ),
        numbers=("cases", "agree", "artefacts", "differ"),
    )
    other = sum(verdict.other_threads for verdict in found)
    if other:
        say(
            f"{other} of those that agree take another thread of the same core, as the order of a "
            "Python set has it in nova; docs/nova-differences.md says why that is left open"
        )
    for verdict in differing[:limit]:
        say(f"{verdict.id}: numafit {verdict.numafit}, nova {verdict.nova}")
    if limit is not None and len(differing) > limit:
        say(f"and {len(differing) - limit} more; --all names them")
