# Ordinary JSON, token by token. Nothing is read beyond the NUL at the end of a text, which no
# token takes.

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object, Py_ssize_t *size) except NULL

cdef struct Span:
    const char *at
    Py_ssize_t size

cdef struct Text:
    const char *at
    const char *end
    bint odd  # something is not as it should be


cdef bint start(object text, Text *at) except -1:
    """Is there a text to read?"""
    cdef Py_ssize_t size
    at.odd = False
    if type(text) is str:
        try:
            at.at = PyUnicode_AsUTF8AndSize(text, &size)
        except UnicodeError:
            return False
    elif type(text) is bytes:
        at.at, size = PyBytes_AS_STRING(text), len(<bytes>text)
    else:
        return False
    at.end = at.at + size
    return True


cdef bint ends(Text *text) noexcept nogil:
    """Is all of it read, and was all as it should be?"""
    blank(text)
    return text.at == text.end and not text.odd


cdef inline void blank(Text *text) noexcept nogil:
    while text.at[0] in (32, 10, 13, 9):
        text.at += 1


cdef inline bint sign(Text *text, char wanted) noexcept nogil:
    """Is this the next sign? It is passed then."""
    blank(text)
    if text.at[0] != wanted:
        return False
    text.at += 1
    return True


cdef inline void need(Text *text, char wanted) noexcept nogil:
    if not sign(text, wanted):
        text.odd = True


cdef inline bint more(Text *text, char end) noexcept nogil:
    """After a value: does another follow, or is this the end?"""
    if text.odd or sign(text, end):
        return False
    need(text, b",")
    return not text.odd


cdef inline Span plain(Text *text) noexcept nogil:
    """A string of ASCII without escapes, quotes left out."""
    cdef Span found
    need(text, b'"')
    found.at = text.at
    # what is not ASCII is below 0
    while <signed char>text.at[0] >= 32 and text.at[0] != b'"' and text.at[0] != b"\\":
        text.at += 1
    found.size = text.at - found.at
    need_here(text, b'"')
    return found


cdef inline void need_here(Text *text, char wanted) noexcept nogil:
    if text.at[0] == wanted:
        text.at += 1
    else:
        text.odd = True


cdef inline bint word(Text *text, const char *wanted) noexcept nogil:
    """Does the text go on with this? It is passed then."""
    cdef size_t size = strlen(wanted)
    blank(text)
    if strncmp(text.at, wanted, size) != 0:
        return False
    text.at += size
    return True


cdef inline void need_word(Text *text, const char *wanted) noexcept nogil:
    if not word(text, wanted):
        text.odd = True


cdef inline int64_t whole(Text *text, int64_t largest) noexcept nogil:
    """A number from 0 on."""
    cdef const char *first
    cdef int64_t number = 0
    blank(text)
    first = text.at
    while 48 <= text.at[0] <= 57 and text.at - first < 18:
        number = 10 * number + (text.at[0] - 48)
        text.at += 1
    if text.at == first or number > largest or (first[0] == 48 and text.at - first > 1):
        text.odd = True
        return 0
    return number


cdef inline Span listed(Text *text) noexcept nogil:
    """A list without lists and strings, as it stands."""
    cdef Span found
    cdef const char *end
    blank(text)
    found.at = text.at
    need_here(text, b"[")
    end = strchr(text.at, b"]")
    if end == NULL:
        text.odd = True
    else:
        text.at = end + 1
    found.size = text.at - found.at
    return found


cdef Span lists(Text *text) noexcept nogil:
    """A list of such lists."""
    cdef Span found
    blank(text)
    found.at = text.at
    need_here(text, b"[")
    if not sign(text, b"]"):
        listed(text)
        while more(text, b"]"):
            listed(text)
    found.size = text.at - found.at
    return found


cdef inline int key(Text *text, const char **names, int n, int guess) noexcept nogil:
    """The number of the name before a value; ``guess``: the one to look at first."""
    cdef Span found = plain(text)
    cdef int k, one
    need(text, b":")
    for k in range(n):
        one = guess + k if guess + k < n else guess + k - n
        if strncmp(names[one], found.at, found.size) == 0 and names[one][found.size] == 0:
            return one
    text.odd = True
    return 0


# --- nova's objects: the order of an envelope's keys never changes, that of its fields may

cdef inline void enter(Text *text, const char *name, const char *version) noexcept nogil:
    need(text, b"{")
    need_member(text, b'"nova_object.name"', name)
    need_member(text, b'"nova_object.namespace"', b'"nova"')
    need_member(text, b'"nova_object.version"', version)
    need_word(text, b'"nova_object.data"')
    need(text, b":")
    need(text, b"{")


cdef inline void need_member(Text *text, const char *name, const char *value) noexcept nogil:
    need_word(text, name)
    need(text, b":")
    need_word(text, value)
    need(text, b",")


cdef inline void leave(Text *text) noexcept nogil:
    """From behind the fields on: names of changed fields in any order, each process's own."""
    if sign(text, b","):
        need_word(text, b'"nova_object.changes"')
        need(text, b":")
        need(text, b"[")
        if not sign(text, b"]"):
            plain(text)
            while more(text, b"]"):
                plain(text)
    need(text, b"}")


cdef str decoded(Span span):
    return PyUnicode_DecodeASCII(span.at, span.size, NULL)
