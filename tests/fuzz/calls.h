/* Do the engine's answers contradict each other? */
#ifndef CALLS_H
#define CALLS_H

#include "world.h"

/* Ask a sound fleet what the bytes say, compare the answers, claim and give back; the program ends
 * where two answers do not agree. What claims change is in the end as it was. */
void play_calls(nf_fleet *fleet, bytes *b);

#endif
