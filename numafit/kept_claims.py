"""Hosts by their names, and the claims that a fleet keeps: found by host, taken over from another
process, written down."""

from __future__ import annotations

from collections.abc import Iterable

from numafit._engine import ManyHosts
from numafit._header import REMOVED_CLASS
from numafit.adopting import Adopted, Adopting, Lost, Written, counted
from numafit.claims import Claim
from numafit.columns import Columns
from numafit.errors import MisuseError, shorten
from numafit.journal import Journal
from numafit.model import fields
from numafit.moments import unchanged
from numafit.spans import Hosts, host_indices


class KeptClaims:
    """Part of a Fleet."""

    _columns: Columns
    _engine: ManyHosts

    def index(self, name: str) -> int:
        """Index of the first host of this name, in a time that does not grow with the fleet.
        Raises MisuseError where there is none."""
        fields.text("name", name)
        try:
            index = self._columns.names.index(name)
            while not name and self._columns.host_class[index] == REMOVED_CLASS:
                index = self._columns.names.index(name, index + 1)
        except ValueError:
            raise MisuseError(f"name={shorten(name)}: no host of the fleet has it") from None
        return index

    def claims(self, hosts: Hosts = None) -> list[Claim]:
        """Claims that are held, those of one host after the other, each in the order in which they
        were made. ``hosts``: indices (default: all hosts). Those that C code has taken are not
        among them."""
        engine = self._engine
        with unchanged(engine):
            indices = host_indices(hosts, self._columns.n_hosts)
            return [
                claim
                for host in (engine.claimed_hosts() if indices is None else indices.tolist())
                for claim in engine.claims_of(host)
                if isinstance(claim, Claim)
            ]

    @property
    def journal(self) -> Journal | None:
        """The journal that claims and releases are written to."""
        journal: Journal | None = self._engine.journal
        return journal

    def adopt(self, claims: Iterable[Written | Lost] | Journal, usage: str = "in usage") -> Adopted:
        """Make claims of another process this fleet's: ``Adopted`` has those that are held from now
        on, and those that their host does not have, with the reason.

        ``claims``: what ``Claim.to_json`` wrote, or claims. ``usage``: ``"in usage"``: the hosts
        came with them in use (CPUs, pages, memory, devices; which of the guests use them is not
        known, so that one may be taken for another), as a fleet does that was saved while they
        were held; ``"on top"``: they are taken now, as a claim is.

        A ``Journal`` is written to from then on. Of a fleet that was saved while it wrote to the
        same journal, what was held at that moment is in use, and what came later is taken or
        given back now, whatever ``usage`` says. Claims that are lost stay in the journal, until
        they are adopted (after their hosts were added or changed) or forgotten
        (``Journal.forget``).

        Raises InputError for text that is no claim, MisuseError where the fleet has a journal or
        claims and is given another journal.
        """
        with_usage = counted(usage)
        adopting = Adopting(self._engine, self.index)
        if not isinstance(claims, Journal):
            given = fields.iterable("claims", claims, "a list of claims, or a Journal")
            with self._columns.changes_lock:  # no host becomes another meanwhile
                return adopting.written(given, with_usage)
        if self._engine.journal is not None or self._engine.claimed_hosts():
            raise MisuseError("claims: the fleet has claims; expected one that has none")
        with self._columns.changes_lock, claims.locked():
            found = adopting.journalled(claims, self._columns.saved_at, with_usage)
            self._engine.journal = claims
        return found
