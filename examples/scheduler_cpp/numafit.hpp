// numafit in C++: a fleet and a guest that free themselves, a claim that gives itself back.
//
// An example to be copied and changed, not a part of the C API: what is not here is called as in C,
// through fleet.shared() and guest.get().
#ifndef EXAMPLE_NUMAFIT_HPP
#define EXAMPLE_NUMAFIT_HPP

#include <memory>
#include <new>
#include <numafit/builder.h>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace numafit {

inline void check(nf_status status, const char *error) {
    if (status == NF_ENOMEM) throw std::bad_alloc();
    if (status != NF_OK) throw std::invalid_argument(*error ? error : nf_status_text(status));
}

/* A fleet that is finished, from a builder to which all hosts have been added. */
class Fleet {
public:
    template <typename Describe> explicit Fleet(Describe describe) {
        nf_builder *builder = nullptr;
        check(nf_builder_new(nullptr, &builder), "");
        builder_.reset(builder);
        describe(builder);
        check(nf_builder_finish(builder, &shared_), nf_builder_error(builder));
    }

    const nf_shared *shared() const { return shared_; }
    const nf_builder *builder() const { return builder_.get(); }
    uint32_t size() const { return shared_->fleet->n_hosts; }
    std::string name(uint32_t host) const { return nf_builder_host_name(builder_.get(), host); }

private:
    struct Free {
        void operator()(nf_builder *builder) const { nf_builder_free(builder); }
    };
    std::unique_ptr<nf_builder, Free> builder_;
    const nf_shared *shared_ = nullptr;
};

/* A guest that is complete, for one fleet, which has to outlive it. */
class Guest {
public:
    template <typename Describe> Guest(const Fleet &fleet, Describe describe) : fleet_(&fleet) {
        nf_guest *guest = nullptr;
        check(nf_guest_new(fleet.builder(), &guest), "");
        guest_.reset(guest);
        describe(guest);
        check(nf_guest_finish(guest, &item_, &scratch_), nf_guest_error(guest));
    }

    const Fleet &fleet() const { return *fleet_; }
    nf_guest *get() const { return guest_.get(); }
    nf_claim_item &item() { return item_; }
    const nf_scratch &scratch() const { return scratch_; }

private:
    struct Free {
        void operator()(nf_guest *guest) const { nf_guest_free(guest); }
    };
    const Fleet *fleet_;
    std::unique_ptr<nf_guest, Free> guest_;
    nf_claim_item item_;
    nf_scratch scratch_;
};

/* A claim: what a guest has taken of a host, until this goes out of scope. It owns the guest. */
class Claim {
public:
    /* The guest on this host. No claim (false): why says what stands in the way, and the guest is
     * the caller's still. */
    static Claim on(std::unique_ptr<Guest> &guest, uint32_t host, std::string &why) {
        nf_reason reason = {NF_OK, 0, 0, 0};
        nf_claim_item &item = guest->item();
        const nf_shared *shared = guest->fleet().shared();
        item.host = host;
        nf_status status = nf_shared_fit(shared, &item, &guest->scratch(), &reason);
        if (status == NF_OK) status = nf_shared_claim(shared, &item, 1, nullptr, &reason);
        if (status < 0) check(status, "");
        if (status == NF_OK) return Claim(std::move(guest));
        why = nf_guest_why(guest->get(), &reason);
        return Claim(nullptr);
    }

    ~Claim() { release(); }
    Claim(Claim &&) = default;
    Claim &operator=(Claim &&other) {
        if (this != &other) {
            release();
            guest_ = std::move(other.guest_);
        }
        return *this;
    }

    explicit operator bool() const { return guest_ != nullptr; }
    uint32_t host() const { return guest_->item().host; }

    /* Ids of the host CPUs of all guest cells, in the order of the dedicated vCPUs. */
    std::vector<int32_t> cpus() const {
        const nf_claim_item &item = guest_->item();
        const nf_fleet *fleet = guest_->fleet().shared()->fleet;
        std::vector<int32_t> found;
        for (uint32_t cell = 0; cell < item.request->n_cells; cell++) {
            const nf_placed_cell &placed = item.placement->cells[cell];
            for (uint32_t i = 0; i < placed.n_slots; i++)
                found.push_back(
                    nf_cpu_id(fleet, &placed, item.placement->slots[placed.first_slot + i]));
        }
        return found;
    }

private:
    explicit Claim(std::unique_ptr<Guest> guest) : guest_(std::move(guest)) {}
    void release() {
        if (guest_) nf_shared_release(guest_->fleet().shared(), &guest_->item(), 1, nullptr, nullptr);
        guest_.reset();
    }
    std::unique_ptr<Guest> guest_;
};

} // namespace numafit
#endif
