/* A host is described call by call: what is said of it becomes rows and drafts. */
#include "build.h"

#include <math.h>
#include <string.h>

nf_status nf_builder_new(const nf_allocator *allocator, nf_builder **out) {
    if (!out || !nf_allocator_ok(allocator)) return NF_EINVAL;
    nf_allocator memory = nf_allocator_of(allocator);
    nf_builder *b = memory.allocate(memory.context, sizeof *b);
    if (!b) return NF_ENOMEM;
    memset(b, 0, sizeof *b);
    b->memory = memory;
    *out = b;
    return NF_OK;
}

void nf_builder_free(nf_builder *b) {
    if (!b) return;
    nf_allocator memory = b->memory;
    for (int i = 0; i < NF_LISTS; i++) nf_list_free(&memory, &b->lists[i]);
    for (int i = 0; i < NF_KEPT_SETS; i++) nf_kept_free(&memory, &b->kept[i]);
    if (b->slab) memory.release(memory.context, b->slab);
    memory.release(memory.context, b);
}

const char *nf_builder_error(const nf_builder *b) { return b ? b->error.text : ""; }

bool nf_text_ok(const char *text) {
    return text && *text && memchr(text, 0, NF_MAX_NAME + 1);
}

uint32_t nf_keep_text(nf_builder *b, int set, const char *text) {
    return nf_kept_add(&b->memory, &b->kept[set], text, strlen(text));
}

uint32_t nf_find_text(const nf_builder *b, int set, const char *text) {
    return nf_kept_find(&b->kept[set], text, strlen(text));
}

/* Back to the hosts that are complete. */
static void cut(nf_builder *b) {
    for (int i = 0; i < NF_LISTS; i++) b->lists[i].count = b->marks[i];
    for (int i = 0; i < NF_KEPT_SETS; i++) nf_kept_cut(&b->kept[i], b->kept_marks[i]);
    b->in_cell = b->of_cell = b->in_devices = b->in_inventory = false;
}

nf_status nf_refuse_host(nf_builder *b, nf_status status, const char *format, ...) {
    va_list more;
    b->error.used = 0;
    nf_say(&b->error, "host %s: ", b->host.text);
    if (b->of_cell) nf_say(&b->error, "cell %" PRId32 ": ", nf_last_cell(b)->id);
    va_start(more, format);
    nf_say_list(&b->error, format, more);
    va_end(more);
    b->status = status;
    cut(b);
    return status;
}

nf_status nf_no_memory(nf_builder *b) {
    b->of_cell = false;
    return nf_refuse_host(b, NF_ENOMEM, "the allocator gave no memory");
}

/* A call that comes at the wrong time changes nothing. */
static nf_status too_early(nf_builder *b, const char *call, const char *expected) {
    b->error.used = 0;
    nf_say(&b->error, "%s: expected %s", call, expected);
    return NF_EINVAL;
}

nf_status nf_of_host(nf_builder *b, const char *call) {
    if (!b) return NF_EINVAL;
    if (b->finished) return too_early(b, call, "before nf_builder_finish()");
    if (!b->in_host) return too_early(b, call, "after nf_builder_add_host()");
    b->of_cell = false;
    return b->status;
}

nf_status nf_of_part(nf_builder *b, const char *call, bool there, const char *part) {
    nf_status status = nf_of_host(b, call);
    if (status != NF_OK || there) return status;
    return nf_refuse_host(b, NF_EINVAL, "%s: expected after %s of the host", call, part);
}

nf_status nf_builder_add_host(nf_builder *b, const char *name) {
    if (!b) return NF_EINVAL;
    if (b->finished) return too_early(b, __func__, "before nf_builder_finish()");
    bool left_open = b->in_host && b->status == NF_OK;
    nf_line before = b->host;
    cut(b);
    b->in_host = true;
    b->status = NF_OK;
    b->matrix_cells = NF_ABSENT;
    b->host.used = 0;
    nf_say(&b->host, "%s", nf_text_ok(name) ? name : "?");
    if (left_open)
        REFUSE("expected after nf_builder_end_host() of host %s, which is left out too",
               before.text);
    if (!nf_text_ok(name)) REFUSE("name: expected text of 1 to %u bytes", NF_MAX_NAME);
    if (nf_find_text(b, NF_KEPT_NAMES, name) != NF_ABSENT)
        REFUSE("name: expected one that no other host has");
    if (b->lists[NF_HOSTS].count >= UINT32_MAX - 1) REFUSE("expected at most 4294967294 hosts");
    nf_host_row *row = nf_add_rows(b, NF_HOSTS, sizeof *row, 1);
    if (!row || nf_keep_text(b, NF_KEPT_NAMES, name) == NF_ABSENT) return nf_no_memory(b);
    *row = (nf_host_row){.cpu_ratio = NAN, .ram_ratio = NAN, .distance_at = NF_NO_DISTANCES};
    return NF_OK;
}

static nf_host_row *host_row(nf_builder *b) {
    return NF_ITEMS(nf_host_row, &b->lists[NF_HOSTS]) + b->marks[NF_HOSTS];
}

static bool ratio_ok(double ratio) { return isnan(ratio) || (ratio >= 0.0 && isfinite(ratio)); }

nf_status nf_builder_set_ratios(nf_builder *b, double cpu_ratio, double ram_ratio) {
    OF_HOST(b);
    if (!ratio_ok(cpu_ratio)) REFUSE("cpu_ratio: %g, expected 0 or more, or NaN", cpu_ratio);
    if (!ratio_ok(ram_ratio)) REFUSE("ram_ratio: %g, expected 0 or more, or NaN", ram_ratio);
    host_row(b)->cpu_ratio = cpu_ratio;
    host_row(b)->ram_ratio = ram_ratio;
    return NF_OK;
}

nf_status nf_builder_add_cell(nf_builder *b, uint32_t id, int64_t memory) {
    OF_HOST(b);
    if (b->in_cell && nf_end_cell(b) != NF_OK) return b->status;
    nf_list *cells = &b->lists[NF_CELLS];
    size_t own = cells->count - nf_ended_cells(b);
    WITHIN(b, "cell id", id, 0, INT32_MAX);
    if (own == NF_MAX_CELLS) REFUSE("cell %u: expected at most %u cells", id, NF_MAX_CELLS);
    for (size_t i = nf_ended_cells(b); i < cells->count; i++)
        if (NF_ITEMS(nf_cell_row, cells)[i].id == (int32_t)id)
            REFUSE("cell %u: expected an id that no other cell of the host has", id);
    if (cells->count >= UINT32_MAX - 1) REFUSE("cell %u: expected at most 4294967294 cells", id);
    nf_cell_row *row = nf_add_rows(b, NF_CELLS, sizeof *row, 1);
    if (!row) return nf_no_memory(b);
    *row = (nf_cell_row){.id = (int32_t)id, .socket = -1};
    b->in_cell = b->of_cell = true;
    b->n_cores = 0;
    WITHIN(b, "memory in MiB", memory, 0, NF_MAX_AMOUNT);
    nf_last_cell(b)->memory = memory;
    return NF_OK;
}

nf_status nf_builder_set_usage(nf_builder *b, int64_t memory, int64_t shared_vcpus) {
    OF_CELL(b);
    WITHIN(b, "used memory in MiB", memory, 0, NF_MAX_AMOUNT);
    WITHIN(b, "shared vCPUs", shared_vcpus, 0, INT32_MAX);
    nf_last_cell(b)->memory_used = memory;
    nf_last_cell(b)->cpu_used = shared_vcpus;
    return NF_OK;
}

nf_status nf_builder_set_socket(nf_builder *b, uint32_t socket) {
    OF_CELL(b);
    WITHIN(b, "socket", socket, 0, INT32_MAX);
    nf_last_cell(b)->socket = (int32_t)socket;
    return NF_OK;
}

/* What is said of a CPU twice is kept twice until the cell ends: this is more than enough. */
static bool too_many_cpus(const nf_builder *b, uint32_t count) {
    return count > 8 * (size_t)NF_MAX_CELL_CPUS - b->lists[NF_CPUS].count;
}

nf_status nf_builder_add_cpus(nf_builder *b, uint32_t first, uint32_t count, uint32_t uses) {
    const uint32_t known = NF_CPUS_SHARED | NF_CPUS_DEDICATED | NF_CPUS_PINNED;
    OF_CELL(b);
    if (!uses || uses & ~known) REFUSE("uses of CPUs: %u, expected NF_CPUS_* together", uses);
    if (!count || count > NF_MAX_CELL_CPUS || too_many_cpus(b, count))
        REFUSE("%u CPUs: expected 1 to %u in a cell", count, NF_MAX_CELL_CPUS);
    if (first > INT32_MAX - (count - 1))
        REFUSE("CPU %u: expected ids up to %" PRId32, first, INT32_MAX);
    uint64_t *to = nf_add_rows(b, NF_CPUS, sizeof *to, count);
    if (!to) return nf_no_memory(b);
    for (uint32_t i = 0; i < count; i++) to[i] = nf_cpu_of(first + i, NF_ABSENT, uses);
    return NF_OK;
}

nf_status nf_builder_add_core(nf_builder *b, const uint32_t *cpus, uint32_t count) {
    OF_CELL(b);
    if (!cpus || !count || count > NF_MAX_THREADS)
        REFUSE("core of %u CPUs: expected 1 to %u", count, NF_MAX_THREADS);
    if (too_many_cpus(b, count))
        REFUSE("cores: expected at most %u CPUs in a cell", NF_MAX_CELL_CPUS);
    for (uint32_t i = 0; i < count; i++)
        if (cpus[i] > INT32_MAX)
            REFUSE("CPU %u: expected ids up to %" PRId32, cpus[i], INT32_MAX);
    uint64_t *to = nf_add_rows(b, NF_CPUS, sizeof *to, count);
    if (!to) return nf_no_memory(b);
    for (uint32_t i = 0; i < count; i++) to[i] = nf_cpu_of(cpus[i], b->n_cores, 0);
    b->n_cores++;
    return NF_OK;
}

nf_status nf_builder_add_pages(nf_builder *b, uint32_t page_kib, int64_t total, int64_t used,
                               int64_t reserved) {
    OF_CELL(b);
    WITHIN(b, "page size in KiB", page_kib, 1, NF_MAX_PAGE_KIB);
    int64_t most = NF_MAX_PAGES_KIB / page_kib;
    if (most > INT32_MAX) most = INT32_MAX; /* pages are counted in 32 bits */
    WITHIN(b, "pages in all", total, 0, most);
    WITHIN(b, "pages used", used, 0, most);
    int64_t reservable = INT32_MAX - used + total; /* what is free is a number of 32 bits too */
    WITHIN(b, "pages reserved", reserved, 0, reservable < most ? reservable : most);
    uint32_t cell = (uint32_t)b->lists[NF_CELLS].count - 1;
    uint32_t size =
        nf_kept_add(&b->memory, &b->kept[NF_KEPT_PAGE_SIZES], &page_kib, sizeof page_kib);
    if (size == NF_ABSENT) return nf_no_memory(b);
    if (size >= NF_MAX_PAGE_SIZES)
        REFUSE("pages of %u KiB: expected at most %u page sizes in a fleet", page_kib,
               NF_MAX_PAGE_SIZES);
    const nf_page_row *rows = NF_ITEMS(nf_page_row, &b->lists[NF_PAGE_ROWS]);
    for (size_t i = b->lists[NF_PAGE_ROWS].count; i-- > 0 && rows[i].cell == cell;)
        if (rows[i].size == size) REFUSE("pages of %u KiB: expected each size once", page_kib);
    nf_page_row *row = nf_add_rows(b, NF_PAGE_ROWS, sizeof *row, 1);
    if (!row) return nf_no_memory(b);
    *row = (nf_page_row){cell, size, (int32_t)total, (int32_t)used,
                         (int32_t)(total - used - reserved)};
    return NF_OK;
}

static nf_status near(nf_builder *b, uint32_t net) {
    nf_near_row *row = nf_add_rows(b, NF_NEAR, sizeof *row, 1);
    if (!row) return nf_no_memory(b);
    *row = (nf_near_row){(uint32_t)b->lists[NF_CELLS].count - 1, net};
    return NF_OK;
}

nf_status nf_builder_add_physnet(nf_builder *b, const char *name) {
    OF_CELL(b);
    TEXT(b, "physnet", name);
    uint32_t net = nf_keep_text(b, NF_KEPT_NETS, name);
    return net == NF_ABSENT ? nf_no_memory(b) : near(b, NF_TUNNEL_NET + 1 + net);
}

nf_status nf_builder_add_tunnel(nf_builder *b) {
    OF_CELL(b);
    return near(b, NF_TUNNEL_NET);
}

nf_status nf_builder_set_distances(nf_builder *b, const int32_t *matrix, uint32_t n_cells) {
    OF_HOST(b);
    if (!matrix || !n_cells || n_cells > NF_MAX_CELLS)
        REFUSE("distances of %u cells: expected 1 to %u", n_cells, NF_MAX_CELLS);
    size_t count = (size_t)n_cells * n_cells;
    for (size_t i = 0; i < count; i++) WITHIN(b, "distance", matrix[i], 0, NF_MAX_DISTANCE);
    uint32_t before = nf_kept_count(&b->kept[NF_KEPT_MATRICES]);
    uint32_t number = nf_kept_add(&b->memory, &b->kept[NF_KEPT_MATRICES], matrix,
                                  count * sizeof *matrix);
    if (number == NF_ABSENT) return nf_no_memory(b);
    if (number == before) {
        size_t *at = nf_add_rows(b, NF_MATRICES, sizeof *at, 1);
        if (!at) return nf_no_memory(b);
        *at = b->lists[NF_DISTANCES].count;
        int32_t *to = nf_add_rows(b, NF_DISTANCES, sizeof *to, count);
        if (!to) return nf_no_memory(b);
        memcpy(to, matrix, count * sizeof *to);
    }
    host_row(b)->distance_at = NF_ITEMS(size_t, &b->lists[NF_MATRICES])[number];
    b->matrix_cells = n_cells;
    return NF_OK;
}

static nf_status end_host(nf_builder *b) {
    if (b->in_cell && nf_end_cell(b) != NF_OK) return b->status;
    uint32_t cells = (uint32_t)b->lists[NF_CELLS].count - nf_ended_cells(b);
    if (b->matrix_cells != NF_ABSENT && b->matrix_cells != cells)
        REFUSE("distances of %u cells: expected %u, those of the host", b->matrix_cells, cells);
    if (nf_end_devices(b) != NF_OK) return b->status;
    nf_host_row *row = host_row(b);
    if (nf_end_kind(b, &row->kind) != NF_OK) return b->status;
    uint32_t pools = (uint32_t)(b->lists[NF_POOLS].count - b->marks[NF_POOLS]);
    row->end_cell = (uint32_t)b->lists[NF_CELLS].count;
    row->end_pool = (uint32_t)b->lists[NF_POOLS].count;
    if (cells > b->max_cells) b->max_cells = cells;
    if (pools > b->max_pools) b->max_pools = pools;
    for (int i = NF_HOSTS; i < NF_CPUS; i++) b->marks[i] = b->lists[i].count;
    for (int i = 0; i < NF_KEPT_SETS; i++) b->kept_marks[i] = nf_kept_count(&b->kept[i]);
    return NF_OK;
}

nf_status nf_builder_end_host(nf_builder *b, uint32_t *index) {
    nf_status status = nf_of_host(b, __func__);
    if (!b || b->finished || !b->in_host) return status;
    if (status == NF_OK) status = end_host(b);
    b->in_host = false;
    cut(b); /* the drafts */
    if (status == NF_OK && index) *index = (uint32_t)b->marks[NF_HOSTS] - 1;
    return status;
}

uint32_t nf_builder_find_host(const nf_builder *b, const char *name) {
    uint32_t found = b && name ? nf_find_text(b, NF_KEPT_NAMES, name) : NF_ABSENT;
    return found < (b ? b->kept_marks[NF_KEPT_NAMES] : 0) ? found : UINT32_MAX;
}

const char *nf_builder_host_name(const nf_builder *b, uint32_t host) {
    return b && host < b->kept_marks[NF_KEPT_NAMES] ? nf_text_at(b, NF_KEPT_NAMES, host) : NULL;
}
