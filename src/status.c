/* What each status is called and says. */
#include "numafit/numafit.h"

typedef struct entry {
    const char *name, *text;
} entry;

#define ENTRY(status, words) [status] = {#status, words}

static const entry REASONS[NF_STATUS_END] = {
    ENTRY(NF_OK, "fits"),
    ENTRY(NF_NO_TOPOLOGY, "the host has no NUMA topology"),
    ENTRY(NF_TOO_FEW_CELLS, "too few NUMA cells"),
    ENTRY(NF_HOST_CLASS, "the host's traits, aggregates, zone, units or service rule it out"),
    ENTRY(NF_RESOURCE, "too few free units of a resource class"),
    ENTRY(NF_PAGE_SIZE, "no pages of that size"),
    ENTRY(NF_PAGE_MULTIPLE, "memory is not a whole number of pages"),
    ENTRY(NF_PAGES, "too little memory in free pages"),
    ENTRY(NF_PAGES_TOTAL, "more memory than the cell has"),
    ENTRY(NF_MEMORY, "too little free memory"),
    ENTRY(NF_MEMORY_TOTAL, "more memory than the cell has"),
    ENTRY(NF_DEDICATED_TOTAL, "more dedicated CPUs than the cell has"),
    ENTRY(NF_SHARED_TOTAL, "more shared CPUs than the cell has"),
    ENTRY(NF_FREE_CPUS, "too few free dedicated CPUs"),
    ENTRY(NF_UNLISTED_CPUS, "too few free dedicated CPUs of known cores"),
    ENTRY(NF_PINNED_EMPTY, "a guest cell with policy dedicated or mixed needs a vCPU"),
    ENTRY(NF_ISOLATE_SHARED, "isolate needs a host without SMT or without a dedicated set"),
    ENTRY(NF_ISOLATE_CORES, "too few cores with every thread free"),
    ENTRY(NF_ISOLATE_EMPTY, "isolate needs dedicated vCPUs in every guest cell"),
    ENTRY(NF_REQUIRE_NO_SMT, "require needs a host with thread siblings"),
    ENTRY(NF_REQUIRE_CORES, "too few cores with sibling threads free"),
    ENTRY(NF_EMULATOR_CPU, "no CPU left for the emulator threads"),
    ENTRY(NF_EMULATOR_EMPTY, "isolated emulator threads need dedicated vCPUs in guest cell 0"),
    ENTRY(NF_CPU_LIMIT, "shared CPUs are at their allocation ratio"),
    ENTRY(NF_MEMORY_LIMIT, "memory is at its allocation ratio"),
    ENTRY(NF_ASSIGNMENT, "each guest cell fits somewhere, but not all at once"),
    ENTRY(NF_PHYSNET, "no choice of cells is near the physical network"),
    ENTRY(NF_TUNNEL, "no choice of cells is near the tunnel endpoint"),
    ENTRY(NF_NETWORKS, "no choice of cells is near all networks"),
    ENTRY(NF_PCI_DEVICES, "too few matching PCI devices"),
    ENTRY(NF_PCI_NUMA, "too few matching PCI devices near any choice of cells"),
    ENTRY(NF_PCI_TOGETHER, "no choice of cells serves all PCI requests"),
    ENTRY(NF_TOGETHER, "no choice of cells serves networks and PCI requests together"),
    ENTRY(NF_UNDECIDED, "the work budget ran out before an answer was found"),
    ENTRY(NF_STALE, "what the placement holds is no longer free"),
    ENTRY(NF_REMOVED, "the host was removed from the fleet"),
};

static const entry MISUSE[] = {
    {"NF_EINVAL", "an argument is out of range or contradicts another"},
    {"NF_EABI", "built against another version of numafit.h"},
    {"NF_ESPACE", "the scratch memory or an output array is too small"},
    {"NF_EFLEET", "the request was prepared for another fleet"},
    {"NF_ENOMEM", "the caller's allocator gave no memory"},
    {"NF_EMOVED", "another fleet has taken this one's place"},
};

static const entry UNKNOWN = {"unknown", "unknown"};

static const entry *find(int status) {
    const int misuses = (int)(sizeof MISUSE / sizeof *MISUSE);
    if (status >= 0 && status < NF_STATUS_END) return &REASONS[status];
    if (status < 0 && status >= -misuses) return &MISUSE[-status - 1];
    return &UNKNOWN;
}

const char *nf_status_name(int status) { return find(status)->name; }

const char *nf_status_text(int status) { return find(status)->text; }

uint32_t nf_abi_version(void) { return NF_ABI_VERSION; }
