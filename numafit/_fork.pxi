# A fork beside threads that claim: what the child gets is of one moment, with nothing in it locked.
#
# The engine's locks are taken inside fork() itself, where the GIL is not let go of any more: a
# thread that holds them and waits for the GIL would hang with one that has it and waits for them.
# What stands behind the numbers is Python's, and so are its locks; those are taken before.

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutex_t:
        pass
    int pthread_mutex_init(pthread_mutex_t *mutex, const void *attributes)
    int pthread_mutex_lock(pthread_mutex_t *mutex)
    int pthread_mutex_unlock(pthread_mutex_t *mutex)
    int pthread_atfork(void (*before)() noexcept nogil, void (*in_parent)() noexcept nogil,
                       void (*in_child)() noexcept nogil)


cdef struct Forkable:
    const nf_shared *shared
    Forkable *next
    Forkable **known_by  # what points to this one


cdef Forkable *forkables = NULL
cdef pthread_mutex_t forkables_lock
pthread_mutex_init(&forkables_lock, NULL)


cdef void remember(Forkable *one, const nf_shared *shared) noexcept nogil:
    global forkables
    pthread_mutex_lock(&forkables_lock)
    one.shared = shared
    one.next = forkables
    one.known_by = &forkables
    if forkables != NULL:
        forkables.known_by = &one.next
    forkables = one
    pthread_mutex_unlock(&forkables_lock)


cdef void forget(Forkable *one) noexcept nogil:
    if one.known_by == NULL:
        return  # never remembered
    pthread_mutex_lock(&forkables_lock)
    one.known_by[0] = one.next
    if one.next != NULL:
        one.next.known_by = one.known_by
    pthread_mutex_unlock(&forkables_lock)


cdef void lock_fleets() noexcept nogil:
    cdef Forkable *one
    pthread_mutex_lock(&forkables_lock)
    one = forkables
    while one != NULL:
        nf.shared_lock(one.shared)
        one = one.next


cdef void unlock_fleets() noexcept nogil:
    cdef Forkable *one = forkables
    while one != NULL:
        nf.shared_unlock(one.shared)
        one = one.next
    pthread_mutex_unlock(&forkables_lock)


cdef void unlock_fleets_in_child() noexcept nogil:
    cdef Forkable *one = forkables
    cdef uint32_t i
    while one != NULL:  # those who waited have not come along either
        for i in range(one.shared.n_locks):
            one.shared.locks[i].held = one.shared.locks[i].waiting = 0
        one = one.next
    pthread_mutex_unlock(&forkables_lock)


if pthread_atfork(lock_fleets, unlock_fleets, unlock_fleets_in_child):
    raise MemoryError

of_this_process = WeakSet()  # Columns
forking = Lock()  # of two threads that fork, one waits here with nothing in its hands
held = []
LOCKS = ("changes_lock", "devices_lock")  # in the order in which they are taken


def lock_columns():
    forking.acquire()
    every = list(of_this_process)
    for name in LOCKS:
        for columns in every:
            getattr(columns, name).acquire()
            held.append(getattr(columns, name))


def unlock_columns():
    while held:
        held.pop().release()
    forking.release()


def unlock_columns_in_child():
    ours = set(map(id, held))
    for columns in list(of_this_process):
        for name in LOCKS:
            if id(getattr(columns, name)) not in ours:  # made meanwhile, by a thread that is gone
                setattr(columns, name, RLock())
        engine = None if columns.engine is None else columns.engine()
        if engine is not None:
            engine.alone()
    unlock_columns()


os.register_at_fork(before=lock_columns, after_in_parent=unlock_columns,
                    after_in_child=unlock_columns_in_child)
