/* Hosts of a fleet at work become others, come and go. */
#ifndef CHANGES_H
#define CHANGES_H

#include <stdbool.h>

#include "world.h"

/* Change what the bytes say, unless busy says of a host that it must not be: it then stays or moves
 * with all that it has in use. False: nothing has changed. */
bool change_fleet(const nf_shared *shared, const bool *busy, bytes *b);

#endif
