# Lists of PCI pools.

cdef enum:
    POOL_FIELDS = 5

cdef const char *POOL[POOL_FIELDS]
POOL[:] = [b"product_id", b"vendor_id", b"numa_node", b"tags", b"count"]
cdef bytes SEPARATOR = b"\0"  # stands in no text that is read here


@cython.final
cdef class NovaPools:
    """Tells pools that differ in counts and resource providers alone from others."""

    cdef bytearray key

    def __cinit__(self):
        self.key = bytearray()

    def read(self, text):
        """Of ordinary pools: what they are, as a key; their counts; the resource provider of each.
        ``None``: the careful reader has to look at them."""
        cdef Text at
        cdef list counts = [], providers = []
        if not start(text, &at):
            return None
        self.key.clear()
        enter(&at, b'"PciDevicePoolList"', b'"1.1"')
        need_word(&at, b'"objects"')
        need(&at, b":")
        need(&at, b"[")
        if not sign(&at, b"]"):
            self.pool(&at, counts, providers)
            while more(&at, b"]"):
                self.pool(&at, counts, providers)
        need(&at, b"}")
        leave(&at)
        return (bytes(self.key), counts, providers) if ends(&at) else None

    cdef int pool(self, Text *text, list counts, list providers) except -1:
        cdef Span parts[POOL_FIELDS]  # the tags in two parts, around the provider
        cdef Span provider
        cdef int field = -1, seen = 0, n
        cdef int64_t count = 0
        provider.at = NULL
        enter(text, b'"PciDevicePool"', b'"1.1"')
        while not text.odd:
            field = key(text, POOL, POOL_FIELDS, (field + 1) % POOL_FIELDS)
            if seen >> field & 1:
                text.odd = True
            seen |= 1 << field
            blank(text)
            if field == 4:
                count = whole(text, LARGEST_ID)
            elif field == 3:
                provider = tags(text, &parts[3], &parts[4])
            elif field == 2:
                parts[2].at = text.at
                if not word(text, b"null") and not word(text, b"-1"):
                    whole(text, LARGEST_ID)
                parts[2].size = text.at - parts[2].at
            else:
                parts[field] = plain(text)
            if not more(text, b"}"):
                break
        leave(text)
        if text.odd or seen != (1 << POOL_FIELDS) - 1:
            text.odd = True
            return 0
        for n in range(POOL_FIELDS):
            self.key += parts[n].at[: parts[n].size]
            self.key += SEPARATOR
        counts.append(count)
        providers.append(None if provider.at == NULL else decoded(provider))
        return 0


cdef Span tags(Text *text, Span *before, Span *after) noexcept nogil:
    """Properties of a pool, as they stand before and after its provider, which is the answer."""
    cdef Span provider, name
    provider.at = NULL
    blank(text)
    before.at = text.at
    before.size = 0
    need(text, b"{")
    if not sign(text, b"}"):
        while not text.odd:
            name = plain(text)
            need(text, b":")
            if word(text, b"null"):
                pass
            elif name.size == 7 and memcmp(name.at, b"rp_uuid", 7) == 0:
                if provider.at != NULL:
                    text.odd = True
                provider = plain(text)
                before.size = provider.at - before.at
            else:
                plain(text)
            if not more(text, b"}"):
                break
    after.at = provider.at + provider.size if provider.at != NULL else text.at
    after.size = text.at - after.at
    if provider.at == NULL:
        before.size = text.at - before.at
    return provider
