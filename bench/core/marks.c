/* Callgrind's marks for a program that is not in C: Python loads this library by ctypes. */
#include <valgrind/callgrind.h>

void marks_start(void);
void marks_end(const char *name);

void marks_start(void) {
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
}

void marks_end(const char *name) {
    CALLGRIND_DUMP_STATS_AT(name);
    CALLGRIND_STOP_INSTRUMENTATION;
}
