/* A fleet in a file becomes a fleet in memory: the one place that opens and maps. */
#define _POSIX_C_SOURCE 200809L // NOLINT(bugprone-reserved-identifier,cert-*): POSIX names it
#include "numafit/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "columns.h"

#define HOLD(condition, words)     \
    do {                           \
        if (!(condition)) {        \
            *reason = (words);     \
            return NF_EINVAL;      \
        }                          \
    } while (0)

#define HOSTS_PER_LOCK 64u /* at least: their cells are looked at together */

_Static_assert(sizeof(nf_image_head) <= NF_IMAGE_HEAD, "the head is longer than its room");
_Static_assert(sizeof(nf_image_count) == 32 && sizeof(nf_image_part) == 48 &&
                   offsetof(nf_image_head, counts) == 64,
               "files are written without padding");

static uint32_t crc32_of(uint32_t crc, const uint8_t *data, size_t n) {
    crc = ~crc;
    for (size_t i = 0; i < n; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1u ? 0xedb88320u : 0u);
    }
    return ~crc;
}

static bool named(const char *name, const char *wanted) {
    return !strncmp(name, wanted, NF_IMAGE_NAME);
}

static nf_status check_head(const nf_image_head *head, size_t bytes, const char **reason) {
    static const uint32_t NONE = 0;
    const uint8_t *all = (const uint8_t *)head;
    size_t at = offsetof(nf_image_head, checksum), behind = at + sizeof NONE;
    HOLD(!memcmp(head->magic, NF_IMAGE_MAGIC, sizeof head->magic), "not a fleet of numafit's");
    HOLD(head->order == NF_IMAGE_ORDER, "written by a machine of another byte order");
    HOLD(head->version == NF_IMAGE_VERSION, "written by another version of numafit");
    uint32_t crc = crc32_of(0, all, at);
    crc = crc32_of(crc, (const uint8_t *)&NONE, sizeof NONE);
    crc = crc32_of(crc, all + behind, NF_IMAGE_HEAD - behind);
    HOLD(crc == head->checksum, "the head is damaged");
    if (head->abi != NF_ABI_VERSION) {
        *reason = "written for another version of numafit.h";
        return NF_EABI;
    }
    HOLD(head->bytes == bytes, "the file is not as long as its head says");
    HOLD(head->n_counts <= NF_IMAGE_COUNTS && head->n_parts <= NF_IMAGE_PARTS,
         "more counts or parts than a head has room for");
    uint64_t end = NF_IMAGE_HEAD;
    for (uint32_t p = 0; p < head->n_parts; p++) {
        const nf_image_part *part = &head->parts[p];
        HOLD(part->offset % NF_IMAGE_ALIGNED == 0 && part->offset >= end &&
                 part->offset <= bytes && part->bytes <= bytes - part->offset,
             "parts lie upon each other, or beyond the end");
        end = part->offset + part->bytes;
    }
    return NF_OK;
}

static const nf_image_part *find(const nf_image_head *head, const char *name) {
    for (uint32_t p = 0; p < head->n_parts; p++)
        if (named(head->parts[p].name, name)) return &head->parts[p];
    return NULL;
}

static nf_status take_counts(const nf_image_head *head, nf_fleet *f, const char **reason) {
    const nf_count_info *count;
    for (uint32_t i = 0; (count = nf_count(i)); i++) {
        uint32_t k = 0;
        while (k < head->n_counts && !named(head->counts[k].name, count->name)) k++;
        HOLD(k < head->n_counts, "a count of struct nf_fleet is missing");
        uint64_t value = head->counts[k].value;
        HOLD(count->size == sizeof value || value <= UINT32_MAX, "a count is too large");
        uint32_t few = (uint32_t)value;
        memcpy((char *)f + count->offset,
               count->size == sizeof value ? (const void *)&value : (const void *)&few,
               count->size);
    }
    return NF_OK;
}

static nf_status take_columns(const nf_image_head *head, const char *memory, nf_fleet *f,
                              const char **reason) {
    const nf_column_info *column;
    for (uint32_t i = 0; (column = nf_column(i)); i++) {
        const nf_image_part *part = find(head, column->name);
        uint64_t shape[2], most;
        HOLD(part, "a column of struct nf_fleet is missing");
        HOLD(part->type == column->type, "a column is of another type");
        nf_column_shape(f, i, shape);
        most = shape[0] ? UINT64_MAX / column->size / shape[0] : 0;
        HOLD(!shape[0] || shape[1] <= most, "a column is too long");
        HOLD(part->bytes == shape[0] * shape[1] * column->size,
             "a column is not as long as the counts say");
        nf_set_column(f, column, memory + part->offset);
    }
    return NF_OK;
}

static nf_status take_names(const nf_image_head *head, const char *memory, nf_image *out,
                            const char **reason) {
    const nf_image_part *text = find(head, "names"), *ends = find(head, "name_ends");
    uint64_t hosts = out->fleet.n_hosts;
    HOLD(text && ends, "the names of hosts are missing");
    HOLD(ends->bytes == (hosts + 1) * sizeof(uint64_t), "name_ends: not one for each host");
    out->names = memory + text->offset;
    out->name_ends = (const uint64_t *)(const void *)(memory + ends->offset);
    out->names_bytes = text->bytes;
    return NF_OK;
}

static nf_status take_image(nf_image *out, uint32_t flags, const char **reason) {
    const nf_image_head *head = out->memory;
    nf_fleet *f = &out->fleet;
    nf_status status = check_head(head, out->bytes, reason);
    f->abi = NF_ABI_VERSION;
    if (status == NF_OK) status = take_counts(head, f, reason);
    if (status == NF_OK) status = take_columns(head, out->memory, f, reason);
    if (status == NF_OK) status = take_names(head, out->memory, out, reason);
    if (status == NF_OK && !(flags & NF_OPEN_UNCHECKED)) status = nf_fleet_check(f, reason);
    if (status != NF_OK) return status;
    uint32_t each = f->host_room / NF_MAX_LOCKS + 1;
    if (each < HOSTS_PER_LOCK) each = HOSTS_PER_LOCK;
    out->shared = (nf_shared){f, out->locks, f->host_room / each + 1, each};
    return NF_OK;
}

/* NULL: errno says why, or reason does. */
static void *map(const char *path, uint32_t flags, size_t *bytes, const char **reason) {
    struct stat found;
    void *memory = MAP_FAILED;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // not to wait for a FIFO's writer
    if (file < 0) return NULL;
    if (fstat(file, &found) == 0) {
        if (!S_ISREG(found.st_mode) || found.st_size < (off_t)NF_IMAGE_HEAD) {
            *reason = "not a fleet of numafit's";
            errno = 0;
        } else {
            bool own = flags & NF_OPEN_PRIVATE;
            *bytes = (size_t)found.st_size;
            memory = mmap(NULL, *bytes, own ? PROT_READ | PROT_WRITE : PROT_READ,
                          own ? MAP_PRIVATE : MAP_SHARED, file, 0);
        }
    }
    int why = errno;
    close(file);
    errno = why;
    return memory == MAP_FAILED ? NULL : memory;
}

nf_status nf_open(const char *path, uint32_t flags, nf_image *out, const char **reason) {
    const char *unused;
    if (!reason) reason = &unused;
    *reason = "no path, no room for the image, or flags that there are not";
    if (!path || !out || flags > (NF_OPEN_PRIVATE | NF_OPEN_UNCHECKED)) return NF_EINVAL;
    memset(out, 0, sizeof *out);
    *reason = "the file cannot be read: errno says why";
    out->memory = map(path, flags, &out->bytes, reason);
    if (!out->memory) return NF_EINVAL;
    nf_status status = take_image(out, flags, reason);
    if (status != NF_OK) {
        nf_close(out);
        errno = 0;
    }
    return status;
}

void nf_close(nf_image *image) {
    if (image && image->memory) munmap(image->memory, image->bytes);
    if (image) memset(image, 0, sizeof *image);
}

const char *nf_image_host_name(const nf_image *image, uint32_t host, size_t *length) {
    if (!image || !image->name_ends || host >= image->fleet.n_hosts) return NULL;
    uint64_t first = image->name_ends[host], end = image->name_ends[host + 1];
    if (first > end || end > image->names_bytes) return NULL;
    if (length) *length = (size_t)(end - first);
    return image->names + first;
}
