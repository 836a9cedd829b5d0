// Fills a small fleet with guests until one is refused, lets the last one go, and goes on.
#include "numafit.hpp"

#include <iostream>

static void describe_host(nf_builder *b, const std::string &name) {
    nf_builder_add_host(b, name.c_str());
    for (uint32_t id = 0; id < 2; id++) {
        nf_builder_add_cell(b, id, 16384); // MiB
        nf_builder_add_cpus(b, 8 * id, 8, NF_CPUS_DEDICATED);
    }
    numafit::check(nf_builder_end_host(b, nullptr), nf_builder_error(b));
}

static std::unique_ptr<numafit::Guest> make_guest(const numafit::Fleet &fleet, uint32_t vcpus) {
    return std::unique_ptr<numafit::Guest>(new numafit::Guest(fleet, [vcpus](nf_guest *g) {
        nf_guest_cell cell = {};
        cell.memory = 1024;
        cell.n_dedicated = vcpus;
        cell.policy = NF_POLICY_DEDICATED;
        nf_guest_add_cells(g, 1, &cell); // an error is that of nf_guest_finish() too
    }));
}

// The first host that takes it; why: of the last that does not.
static numafit::Claim place(const numafit::Fleet &fleet, uint32_t vcpus, std::string &why) {
    std::unique_ptr<numafit::Guest> guest = make_guest(fleet, vcpus);
    for (uint32_t host = 0; host + 1 < fleet.size(); host++) {
        numafit::Claim claim = numafit::Claim::on(guest, host, why);
        if (claim) return claim;
    }
    return numafit::Claim::on(guest, fleet.size() - 1, why);
}

static void fill(const numafit::Fleet &fleet, std::vector<numafit::Claim> &claims) {
    std::string why;
    for (;;) {
        numafit::Claim claim = place(fleet, 6, why);
        if (!claim) break;
        std::cout << fleet.name(claim.host()) << ":";
        for (int32_t cpu : claim.cpus()) std::cout << ' ' << cpu;
        std::cout << '\n';
        claims.push_back(std::move(claim));
    }
    std::cout << "full: " << why << '\n';
}

int main() try {
    numafit::Fleet fleet([](nf_builder *b) {
        describe_host(b, "rack1-a");
        describe_host(b, "rack1-b");
    });
    std::vector<numafit::Claim> claims;
    fill(fleet, claims);
    claims.pop_back(); // what it held is free again
    fill(fleet, claims);
    return 0;
} catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return 1;
}
