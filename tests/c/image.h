/* A fleet written as nf_open() reads it, in C: what numafit.shared.write() of Python does, without
 * the parts that only Python reads. */
#ifndef IMAGE_H
#define IMAGE_H

#include <numafit/image.h>

/* The file's bytes, to be freed; hosts are named h0, h1... */
uint8_t *image_of(const nf_fleet *fleet, size_t *bytes);

/* Make the head's checksum that of the head as it is. */
void image_seal(uint8_t *image);

#endif
