/* A fleet read from a text file of columns, as export_fleet.py writes it. */
#ifndef FLEET_FILE_H
#define FLEET_FILE_H

#include <numafit/numafit.h>

typedef struct fleet_file {
    nf_fleet fleet; /* points into memory that fleet_free() gives back */
    char **names;   /* [host] */
} fleet_file;

/* 0, or -1 with a message on stderr that names the file and the column at fault. */
int fleet_read(fleet_file *out, const char *path);
void fleet_free(fleet_file *file);

#endif
