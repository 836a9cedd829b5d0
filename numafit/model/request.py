"""placeholder replaced below"""

from typing import Any


class Request:
    def __init__(self, guest: Any, networks: Any = None, pci: Any = ()) -> None:
        self.guest, self.networks, self.pci = guest, networks, tuple(pci)
