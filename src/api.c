/* The functions of numafit.h in one table. */
#include "numafit/numafit.h"

#define FUNCTION(name) .name = nf_##name

static const nf_api FUNCTIONS = {
    .abi = NF_ABI_VERSION,
    .bytes = sizeof(nf_api),
    FUNCTION(abi_version),
    FUNCTION(status_name),
    FUNCTION(status_text),
    FUNCTION(column),
    FUNCTION(column_shape),
    FUNCTION(count),
    FUNCTION(layout_field),
    FUNCTION(fleet_check),
    FUNCTION(derive),
    FUNCTION(fit_bytes),
    FUNCTION(max_slots),
    FUNCTION(max_draws),
    FUNCTION(pci),
    FUNCTION(fit),
    FUNCTION(scan),
    FUNCTION(choose),
    FUNCTION(capacity_bytes),
    FUNCTION(capacity),
    FUNCTION(mix_bytes),
    FUNCTION(mix),
    FUNCTION(explain),
    FUNCTION(claim),
    FUNCTION(release),
    FUNCTION(host_copy_bytes),
    FUNCTION(copy_host),
    FUNCTION(shared_fit),
    FUNCTION(shared_pci),
    FUNCTION(shared_explain),
    FUNCTION(shared_scan),
    FUNCTION(shared_capacity),
    FUNCTION(shared_mix),
    FUNCTION(shared_choose),
    FUNCTION(shared_claim),
    FUNCTION(shared_release),
    FUNCTION(shared_copy_host),
    FUNCTION(shared_copy),
    FUNCTION(shared_check),
};

const nf_api *nf_functions(void) { return &FUNCTIONS; }
