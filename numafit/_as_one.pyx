# cython: language_level=3, freethreading_compatible=True
"""What changes in the engine and in Python as one, where Ctrl-C or want of memory comes between.

Python raises KeyboardInterrupt between operations of its own alone, so that none is raised here but
in what is called: whoever presses Ctrl-C once more meets a call that is asked again.

Imports nothing of numafit, so that every room may import it.
"""

cdef enum:
    ATTEMPTS = 100  # who interrupts more often than that is no person


cdef object to_its_end(call):
    """Ask until it returns, and raise what ended the last attempt."""
    cdef int left = ATTEMPTS
    while True:
        try:
            return call()
        except BaseException:
            left -= 1
            if not left:
                raise


cdef class Under:
    """A context manager: ``value``, while ``lock`` is held. That of a generator is left later, once
    the collector finds it, where Ctrl-C is pressed as it is left."""
    cdef object lock, value

    def __init__(self, lock, value):
        self.lock, self.value = lock, value

    def __enter__(self):
        self.lock.acquire()
        return self.value

    def __exit__(self, *_unused):
        self.lock.release()


def as_one(begin, begun, rest):
    """``begin`` and then ``rest``, or neither; ``begin`` may decline: its False is the answer.

    Whatever ends ``begin``, ``begun`` says whether it has done its work: the one step of it that
    counts is a call that nothing interrupts. What ends ``rest`` early is raised once ``rest`` was
    asked again, from its start: it has to come to the same end however much of it was done, and
    however often it is ended early.
    """
    try:
        if begin() is False:
            return False
        rest()
    except BaseException:
        if to_its_end(begun):
            to_its_end(rest)
        raise
    return True


def or_undo(do, undo):
    """What ``do`` returns; where it raises, ``undo`` comes first. That too is asked again where
    something ends it early."""
    try:
        return do()
    except BaseException:
        to_its_end(undo)
        raise
