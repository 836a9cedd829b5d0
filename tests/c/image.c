#include "image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t aligned(size_t n) {
    return (n + NF_IMAGE_ALIGNED - 1) / NF_IMAGE_ALIGNED * NF_IMAGE_ALIGNED;
}

/* A part of so many bytes, of which a copy is appended. */
static uint8_t *append(uint8_t *image, size_t *end, const char *name, uint32_t type,
                       const void *data, size_t bytes) {
    image = realloc(image, *end + aligned(bytes));
    nf_image_head *head = (void *)image;
    nf_image_part *part = &head->parts[head->n_parts++];
    memset(image + *end, 0, aligned(bytes));
    if (bytes) memcpy(image + *end, data, bytes);
    snprintf(part->name, sizeof part->name, "%s", name);
    part->type = type;
    part->offset = *end;
    part->bytes = bytes;
    *end += aligned(bytes);
    head->bytes = *end;
    return image;
}

uint8_t *image_of(const nf_fleet *fleet, size_t *bytes) {
    const nf_count_info *count;
    const nf_column_info *column;
    uint8_t *image = calloc(1, NF_IMAGE_HEAD);
    *bytes = NF_IMAGE_HEAD;
    nf_image_head *head = (void *)image;
    memcpy(head->magic, NF_IMAGE_MAGIC, sizeof head->magic);
    head->version = NF_IMAGE_VERSION;
    head->abi = NF_ABI_VERSION;
    head->order = NF_IMAGE_ORDER;
    for (uint32_t i = 0; (count = nf_count(i)); i++) {
        nf_image_count *made = &head->counts[head->n_counts++];
        snprintf(made->name, sizeof made->name, "%s", count->name);
        memcpy(&made->value, (const char *)fleet + count->offset, count->size); /* little-endian */
    }
    for (uint32_t i = 0; (column = nf_column(i)); i++) {
        uint64_t shape[2];
        void *data;
        nf_column_shape(fleet, i, shape);
        memcpy(&data, (const char *)fleet + column->offset, sizeof data);
        image = append(image, bytes, column->name, column->type, data,
                       shape[0] * shape[1] * column->size);
    }
    char *names = malloc((size_t)fleet->n_hosts * 12 + 1);
    uint64_t *ends = calloc((size_t)fleet->n_hosts + 1, sizeof *ends);
    for (uint32_t h = 0; h < fleet->n_hosts; h++)
        ends[h + 1] = ends[h] + (uint64_t)sprintf(names + ends[h], "h%u", h);
    image = append(image, bytes, "names", NF_IMAGE_BYTES, names, ends[fleet->n_hosts]);
    image = append(image, bytes, "name_ends", NF_IMAGE_BYTES, ends,
                   ((size_t)fleet->n_hosts + 1) * sizeof *ends);
    free(names);
    free(ends);
    image_seal(image);
    return image;
}

void image_seal(uint8_t *image) {
    uint32_t crc = 0xffffffffu;
    nf_image_head *head = (void *)image;
    head->checksum = 0;
    for (size_t i = 0; i < NF_IMAGE_HEAD; i++) {
        crc ^= image[i];
        for (int bit = 0; bit < 8; bit++) crc = crc & 1u ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    }
    head->checksum = ~crc;
}
