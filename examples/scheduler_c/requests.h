/* The stream of requests on standard input, a line each:
 *
 *     boot ID [cells=N] [dedicated=N] [shared=N] [memory=MIB] [page=KIB|small|large|any]
 *             [threads=prefer|isolate|require] [emulator=isolate] [nets=ID,ID...]
 *     delete ID
 *
 * dedicated, shared and memory are those of one guest cell; all cells of a guest are alike here.
 */
#ifndef REQUESTS_H
#define REQUESTS_H

#include <numafit/numafit.h>
#include <stdbool.h>
#include <stdio.h>

enum { MAX_CELLS = 16, MAX_ID = 63 };

typedef struct line {
    bool boot; /* else delete */
    char id[MAX_ID + 1];
    nf_request request; /* points into this struct */
    nf_guest_cell cells[MAX_CELLS];
    uint32_t nets[NF_MAX_NETS];
} line;

/* 1: a line; 0: the end; -1: a line that makes no sense, said on stderr. */
int next_line(FILE *in, line *out, unsigned long number);

#endif
