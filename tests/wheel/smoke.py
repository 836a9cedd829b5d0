"""Does an installed wheel work? Run by cibuildwheel where there is nothing but the wheel."""

from pathlib import Path

import numafit
from numafit import Flavor, Host, HostCell, HostInfo, Request, guest_topology

siblings = [{core, core + 8} for core in range(8)]
cell = HostCell(id=0, cpuset=(), pcpuset=range(16), memory_mb=4096, siblings=siblings)
host = Host(HostInfo(cells=[cell]))
flavor = Flavor("p4", vcpus=4, memory_mb=1024, extra_specs={"hw:cpu_policy": "dedicated"})
request = Request(guest_topology(flavor))
claims = []
while placement := host.fit(request):
    claims.append(host.claim(placement))
assert len(claims) == 4, claims
assert claims[0].placement.cells[0].pinning == {0: 0, 1: 8, 2: 1, 3: 9}
for claim in claims:
    host.release(claim)
assert host.check() is None
assert (Path(numafit.get_library_dir()) / "libnumafit.a").is_file()
print("numafit", numafit.__version__, "works")
