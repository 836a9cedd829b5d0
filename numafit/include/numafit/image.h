/*
 * image.h: a fleet in a file, mapped as it is.
 *
 * numafit.shared.write() of Python writes one; nf_open() maps it and gives the fleet, without
 * reading more of it than it is told to check. Nothing else of numafit maps, opens or allocates;
 * needs POSIX.
 *
 * The file is an nf_image_head of NF_IMAGE_HEAD bytes, then parts, each at an offset that
 * NF_IMAGE_ALIGNED divides, in the byte order of the machine that wrote it. Its parts are the
 * columns of struct nf_fleet by their names; "names", all hosts' names in UTF-8 with nothing
 * between them; "name_ends", uint64_t: where each ends, 0 before the first; and what only Python reads.
 */
#ifndef NUMAFIT_IMAGE_H
#define NUMAFIT_IMAGE_H

#include "numafit.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NF_IMAGE_MAGIC "numafit\n" /* 8 bytes */
#define NF_IMAGE_VERSION 1u
#define NF_IMAGE_ORDER 0x01020304u
#define NF_IMAGE_HEAD 8192u
#define NF_IMAGE_ALIGNED 64u
#define NF_IMAGE_NAME 24u
#define NF_IMAGE_COUNTS 32u /* most */
#define NF_IMAGE_PARTS 96u  /* most */

/** A number of struct nf_fleet. */
typedef struct nf_image_count {
    char name[NF_IMAGE_NAME];
    uint64_t value;
} nf_image_count;

typedef struct nf_image_part {
    char name[NF_IMAGE_NAME];
    uint32_t type;     /* NF_INT32 ... for a column; NF_IMAGE_BYTES */
    uint32_t checksum; /* CRC-32 of a part that is not a column; 0 of columns */
    uint64_t offset;
    uint64_t bytes;
} nf_image_part;

enum { NF_IMAGE_BYTES = 0xff };

typedef struct nf_image_head {
    char magic[8];
    uint32_t version;
    uint32_t abi;      /* NF_ABI_VERSION of the columns */
    uint32_t order;    /* NF_IMAGE_ORDER */
    uint32_t checksum; /* CRC-32 of NF_IMAGE_HEAD bytes with 0 here */
    uint64_t bytes;    /* of the file */
    uint32_t n_counts;
    uint32_t n_parts;
    uint64_t unused[3];
    nf_image_count counts[NF_IMAGE_COUNTS];
    nf_image_part parts[NF_IMAGE_PARTS];
} nf_image_head;

enum {
    NF_OPEN_PRIVATE = 1,  /* what is claimed is this process's own; else nothing may be claimed */
    NF_OPEN_UNCHECKED = 2 /* the columns are trusted, as are those that a program filled itself */
};

/** A fleet that is open; filled by nf_open(). shared points into it: it stays where it is. */
typedef struct nf_image {
    nf_fleet fleet;
    nf_shared shared;
    void *memory;
    size_t bytes;
    const char *names;
    uint64_t names_bytes;
    const uint64_t *name_ends;
    nf_lock locks[NF_MAX_LOCKS];
} nf_image;

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/**
 * Map the file that path names. The head is always checked, the columns by nf_fleet_check() unless
 * flags say otherwise. NF_EINVAL: reason says what is wrong, in words that live on, and errno is
 * set where the system refused (else 0); NF_EABI: written for another version of numafit.h. out is
 * then not to be used, and nothing is left open. Who replaces the file puts another in its place, as
 * numafit.shared.write() does: a file that is cut short while it is mapped ends this process.
 *
 * Without NF_OPEN_PRIVATE nf_claim() and its like must not be called: the memory is read-only.
 */
nf_status nf_open(const char *path, uint32_t flags, nf_image *out, const char **reason);

/** Unmap it. All that points into it ends. */
void nf_close(nf_image *image);

/** Name of a host, length bytes of UTF-8 without a NUL behind them. NULL: there is no such host, or
 * the file's names are damaged. */
const char *nf_image_host_name(const nf_image *image, uint32_t host, size_t *length);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif
#endif
