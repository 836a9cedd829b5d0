/* Every code has a name and words, up to the sentinel. */
#include "check.h"

#include <numafit/numafit.h>
#include <string.h>

int main(void) {
    for (int status = NF_EMOVED; status < NF_STATUS_END; status++) {
        const char *name = nf_status_name(status), *text = nf_status_text(status);
        CHECK(name && !strncmp(name, "NF_", 3));
        CHECK(text && strlen(text) > 3 && strcmp(text, "unknown"));
        for (int other = NF_EMOVED; other < status; other++)
            CHECK(strcmp(name, nf_status_name(other)));
    }
    CHECK(!strcmp(nf_status_name(NF_OK), "NF_OK"));
    CHECK(!strcmp(nf_status_name(NF_STALE), "NF_STALE"));
    CHECK(!strcmp(nf_status_name(NF_ESPACE), "NF_ESPACE"));
    const int out_of_range[] = {NF_STATUS_END, NF_EMOVED - 1, 1 << 30, -(1 << 30)};
    for (int i = 0; i < 4; i++) {
        CHECK(!strcmp(nf_status_name(out_of_range[i]), "unknown"));
        CHECK(!strcmp(nf_status_text(out_of_range[i]), "unknown"));
    }
    CHECK(nf_abi_version() == NF_ABI_VERSION);
    return FAILURES();
}
