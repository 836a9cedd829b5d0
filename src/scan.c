/* Which hosts can take the guest, and which of them best? */
#include "question.h"

/* How many of the hosts from the i-th on follow each other. */
static uint32_t run_of(const uint32_t *hosts, uint32_t i, uint32_t count) {
    uint32_t n = 1;
    if (!hosts) return count - i;
    while (i + n < count && n < NF_BLOCK && hosts[i + n] == hosts[i] + n) n++;
    return n;
}

static bool hosts_ok(const nf_fleet *f, const uint32_t *hosts, uint32_t first, uint32_t count) {
    if (!hosts) return first <= f->n_hosts && count <= f->n_hosts - first;
    uint32_t most = 0;
    for (uint32_t i = 0; i < count; i++)
        if (hosts[i] > most) most = hosts[i];
    return !count || most < f->n_hosts;
}

nf_status nf_scan(const nf_fleet *f, const uint32_t *hosts, uint32_t first, uint32_t count,
                  const nf_request *request, const nf_options *options, void *workspace,
                  size_t workspace_bytes, uint8_t *fits) {
    nf_status result = NF_OK;
    nf_question q;
    nf_block b;
    if (count && !fits) return NF_EINVAL;
    int status = nf_job_check(f, request, options, workspace, workspace_bytes);
    if (status != NF_OK) return status;
    if (!hosts_ok(f, hosts, first, count)) return NF_EINVAL;
    nf_question_ask(&q, f, request, options, workspace);
    for (uint32_t i = 0; i < count; i += b.count) {
        nf_question_look(&q, hosts ? hosts[i] : first + i, run_of(hosts, i, count), &b);
        memcpy(fits + i, b.maybe, b.count);
        if (q.settled && q.n_kinds && f->max_cells <= NF_BLOCK) continue;
        for (uint32_t h = 0; h < b.count; h++) {
            if (!b.maybe[h]) continue;
            status = nf_question_answer(&q, b.first + h, &b);
            if (status == NF_UNDECIDED) result = status;
            fits[i + h] = status == NF_OK;
        }
    }
    return result;
}

/* What a host has left of what the guest wants: dedicated CPUs, else memory. */
static double room_left(const nf_fleet *f, uint32_t host, bool pins) {
    int64_t sum = 0;
    for (uint32_t c = f->host_first_cell[host]; c < f->host_first_cell[host + 1]; c++)
        sum += pins ? f->cell_free[c] : f->cell_memory[c] - f->cell_memory_used[c];
    return (double)sum;
}

nf_status nf_choose(const nf_fleet *f, const uint32_t *hosts, uint32_t first, uint32_t count,
                    const nf_request *request, const nf_options *options, uint32_t by,
                    const double *scores, void *workspace, size_t workspace_bytes,
                    uint32_t *best, double *best_score) {
    nf_question q;
    nf_block b;
    if (!best || !best_score || by > NF_BY_SCORE || (by == NF_BY_SCORE && !scores))
        return NF_EINVAL;
    int status = nf_job_check(f, request, options, workspace, workspace_bytes);
    if (status != NF_OK) return status;
    if (!hosts_ok(f, hosts, first, count)) return NF_EINVAL;
    nf_question_ask(&q, f, request, options, workspace);
    bool pins = request->n_cells && request->cells[0].policy >= NF_POLICY_DEDICATED;
    /* the first that can is often among the first: look at few, then at more */
    uint32_t most = by == NF_BY_INDEX ? 8 : NF_BLOCK;
    for (uint32_t i = 0; i < count; i += b.count, most = NF_BLOCK) {
        uint32_t run = run_of(hosts, i, count);
        nf_question_look(&q, hosts ? hosts[i] : first + i, run < most ? run : most, &b);
        for (uint32_t h = 0; h < b.count; h++) {
            uint32_t host = b.first + h;
            double score = 0.0;
            if (!b.maybe[h]) continue;
            if (by == NF_BY_SCORE) score = scores[host];
            if (by == NF_BY_ROOM || by == NF_BY_FULLNESS) score = room_left(f, host, pins);
            if (by == NF_BY_FULLNESS) score = -score;
            /* a host that would not win need not be asked */
            if (*best != UINT32_MAX && !(score > *best_score)) continue;
            if (nf_question_answer(&q, host, &b) != NF_OK) continue;
            *best = host;
            *best_score = score;
            if (by == NF_BY_INDEX) return NF_OK;
        }
    }
    return NF_OK;
}
