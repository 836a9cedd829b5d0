/* opened FILE VCPUS: how many guests of so many dedicated vCPUs does each host of a saved fleet take,
 * and where does the first one land? */
#include <errno.h>
#include <inttypes.h>
#include <numafit/builder.h>
#include <numafit/image.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static nf_image image; /* its fleet stays where it is */

int main(int n, char **words) {
    nf_guest *g = NULL;
    nf_claim_item item;
    nf_scratch scratch;
    const char *reason = "expected FILE VCPUS";
    errno = 0;
    if (n != 3 || nf_open(words[1], NF_OPEN_PRIVATE, &image, &reason) != NF_OK) {
        fprintf(stderr, "%s: %s\n", n > 1 ? words[1] : words[0], errno ? strerror(errno) : reason);
        return 1;
    }
    nf_guest_cell cell = {.memory = 1024, .policy = NF_POLICY_DEDICATED};
    cell.n_dedicated = (uint32_t)strtoul(words[2], NULL, 10);
    int failed = nf_guest_of(&image.fleet, NULL, &g) || nf_guest_add_cells(g, 1, &cell) ||
                 nf_guest_finish(g, &item, &scratch);
    if (failed) fprintf(stderr, "%s\n", nf_guest_error(g));
    for (item.host = 0; !failed && item.host < image.fleet.n_hosts; item.host++) {
        size_t length = 0;
        uint32_t count = 0;
        nf_hosts one = {NULL, item.host, 1};
        nf_reason why = {NF_OK, 0, 0, 0};
        const char *name = nf_image_host_name(&image, item.host, &length);
        printf("%.*s:", (int)length, name ? name : "");
        if (nf_shared_fit(&image.shared, &item, &scratch, &why) != NF_OK) {
            printf(" no: %s\n", nf_guest_why(g, &why));
            continue;
        }
        nf_shared_capacity(&image.shared, &one, item.request, item.options, 1000, &scratch, &count);
        printf(" %" PRIu32 ", the first on cell %" PRId32 "\n", count, item.placement->cells->id);
    }
    nf_guest_free(g);
    nf_close(&image);
    return failed;
}
