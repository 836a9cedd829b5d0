ABI_VERSION: int
IMAGE_MAGIC: bytes
IMAGE_VERSION: int
IMAGE_ORDER: int
IMAGE_HEAD: int
IMAGE_ALIGNED: int
IMAGE_NAME: int
IMAGE_COUNTS: int
IMAGE_PARTS: int
IMAGE_BYTES: int
MAX_CELLS: int
MAX_SLOTS: int
MAX_THREADS: int
MAX_PAGE_SIZES: int
MAX_AMOUNT: int
MAX_CELL_CPUS: int
MAX_PAGE_KIB: int
MAX_PAGES_KIB: int
MAX_DISTANCE: int
TUNNEL_NET: int
NO_DISTANCES: int
NO_HOST: int
REMOVED_CLASS: int
PAGES_SMALL: int
PAGES_LARGE: int
PAGES_ANY: int
POOL_ANYWHERE: int
POOL_ELSEWHERE: int
POOL_GONE: int
KIND_OTHER: int
KIND_PF: int
KIND_VF: int

def counts() -> list[str]: ...
def layout_fields() -> list[tuple[str, int, int]]: ...
def columns() -> list[tuple[str, str | None, tuple[str, ...], bool, bool, int]]: ...
