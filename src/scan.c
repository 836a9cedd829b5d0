/* Which hosts can take the guest, and which of them best? */
#include "scan_plan.h"

/* How many of the hosts from the i-th on follow each other. */
static uint32_t run_of(const nf_hosts *hosts, uint32_t i) {
    uint32_t n = 1;
    const uint32_t *list = hosts->list;
    if (!list) return hosts->count - i;
    while (i + n < hosts->count && n < NF_BLOCK && list[i + n] == list[i] + n) n++;
    return n;
}

void nf_scan_for(const nf_scan_plan *q, const nf_hosts *hosts, uint8_t *fits, nf_status *result) {
    nf_block b;
    for (uint32_t i = 0; i < hosts->count; i += b.count) {
        nf_scan_plan_look(q, nf_hosts_at(hosts, i), run_of(hosts, i), &b);
        memcpy(fits + i, b.maybe, b.count);
        if (b.settled) continue;
        for (uint32_t h = 0; h < b.count; h++) {
            if (!b.maybe[h]) continue;
            int status = nf_scan_plan_answer(q, b.first + h, &b);
            if (*result >= 0 && (status < 0 || status == NF_UNDECIDED)) *result = status;
            fits[i + h] = status == NF_OK;
        }
    }
}

nf_status nf_scan(const nf_fleet *f, const nf_hosts *hosts, const nf_request *request,
                  const nf_options *options, const nf_scratch *scratch, uint8_t *fits) {
    nf_scan_plan q;
    nf_status status = nf_job_check(f, request, options, scratch);
    if (status != NF_OK) return status;
    if (!nf_hosts_ok(f, hosts) || (hosts->count && !fits)) return NF_EINVAL;
    nf_scan_plan_make(&q, f, request, options, scratch->memory);
    nf_scan_for(&q, hosts, fits, &status);
    return status;
}

/* What hosts have left of what the guest wants: dedicated CPUs, else memory. */
static void room_left(const nf_block *b, const nf_fleet *f, bool pins, double sign,
                      double *score) {
    const uint32_t *first = f->host_first_cell + b->first, *end = f->host_end_cell + b->first;
    for (uint32_t h = 0; h < b->count; h++) {
        int64_t sum = 0;
        for (uint32_t c = first[h]; c < end[h]; c++)
            sum += pins ? f->cell_free[c] : f->cell_memory[c] - f->cell_memory_used[c];
        score[h] = sign * (double)sum;
    }
}

/* The same where each host has two cells: loops that become vector code. */
static void room_left_of_pairs(const nf_block *b, const nf_fleet *f, bool pins, double sign,
                               double *score) {
    const int32_t *free = f->cell_free + b->first_cell;
    const int64_t *memory = f->cell_memory + b->first_cell;
    const int64_t *used = f->cell_memory_used + b->first_cell;
    int32_t sum[NF_BLOCK];
    if (!pins) {
        for (uint32_t h = 0; h < b->count; h++)
            score[h] = sign * (double)(memory[2 * h] + memory[2 * h + 1] - used[2 * h] -
                                       used[2 * h + 1]);
        return;
    }
    for (uint32_t h = 0; h < b->count; h++) sum[h] = free[2 * h] + free[2 * h + 1];
    for (uint32_t h = 0; h < b->count; h++) score[h] = sign * sum[h];
}

static void rate(const nf_choice *c, const nf_block *b, double *score) {
    const nf_fleet *f = c->q.f;
    double sign = c->by == NF_BY_FULLNESS ? -1.0 : 1.0;
    if (c->by == NF_BY_INDEX)
        memset(score, 0, b->count * sizeof *score);
    else if (c->by == NF_BY_SCORE)
        memcpy(score, c->scores + b->first, b->count * sizeof *score);
    else if (b->pairs)
        room_left_of_pairs(b, f, c->pins, sign, score);
    else
        room_left(b, f, c->pins, sign, score);
}

/* Does any host of the block come before the best so far, whether it can or not? Four at a time,
 * which becomes vector code. */
static bool any_wins(const nf_choice *c, const nf_block *b, double *score) {
    double best = c->best.score, top[4] = {best, best, best, best};
    if (c->best.host == UINT32_MAX) return true;
    for (uint32_t h = b->count; h % 4; h++) score[h] = best;
    for (uint32_t h = 0; h < b->count; h += 4)
        for (uint32_t k = 0; k < 4; k++) top[k] = score[h + k] > top[k] ? score[h + k] : top[k];
    return top[0] > best || top[1] > best || top[2] > best || top[3] > best;
}

static bool pass_on(nf_choice *c, const nf_block *b, double *score) {
    if (!any_wins(c, b, score)) return false;
    for (uint32_t h = 0; h < b->count; h++) {
        /* a host that would not win need not be asked; one branch, as few of them win */
        bool wins = (score[h] > c->best.score) | (c->best.host == UINT32_MAX);
        if (!(wins & b->maybe[h])) continue;
        if (nf_scan_plan_answer(&c->q, b->first + h, b) != NF_OK) continue;
        c->best.host = b->first + h;
        c->best.score = score[h];
        if (c->by == NF_BY_INDEX) return true;
    }
    return false;
}

nf_status nf_choice_start(nf_choice *c, const nf_fleet *f, const nf_request *request,
                          const nf_options *options, const nf_preference *preference,
                          const nf_scratch *scratch) {
    if (!preference || preference->by > NF_BY_SCORE) return NF_EINVAL;
    if (preference->by == NF_BY_SCORE && !preference->scores) return NF_EINVAL;
    int status = nf_job_check(f, request, options, scratch);
    if (status != NF_OK) return status;
    nf_scan_plan_make(&c->q, f, request, options, scratch->memory);
    c->by = preference->by;
    c->scores = preference->scores;
    c->pins = request->n_cells && request->cells[0].policy >= NF_POLICY_DEDICATED;
    return NF_OK;
}

void nf_choice_among(nf_choice *c, const nf_hosts *hosts) {
    nf_block b;
    double score[NF_BLOCK];
    /* the first that can is often among the first: look at few, then at more */
    uint32_t most = c->by == NF_BY_INDEX ? 8 : NF_BLOCK;
    if (c->by == NF_BY_INDEX && c->best.host != UINT32_MAX) return;
    for (uint32_t i = 0; i < hosts->count; i += b.count, most = NF_BLOCK) {
        uint32_t run = run_of(hosts, i);
        nf_scan_plan_look(&c->q, nf_hosts_at(hosts, i), run < most ? run : most, &b);
        rate(c, &b, score);
        if (pass_on(c, &b, score)) return;
    }
}

nf_status nf_choose(const nf_fleet *f, const nf_hosts *hosts, const nf_request *request,
                    const nf_options *options, const nf_preference *preference,
                    const nf_scratch *scratch, nf_best *best) {
    nf_choice c;
    if (!best) return NF_EINVAL;
    nf_status status = nf_choice_start(&c, f, request, options, preference, scratch);
    if (status != NF_OK) return status;
    if (!nf_hosts_ok(f, hosts)) return NF_EINVAL;
    c.best = *best;
    nf_choice_among(&c, hosts);
    *best = c.best;
    return NF_OK;
}
