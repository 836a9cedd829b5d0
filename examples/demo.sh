#!/bin/sh
# What numafit does, on the examples; run by 'make demo'. Its exit status is 0 unless something
# went wrong: a flavor that does not fit (status 1) is an answer.
set -u
cd "$(dirname "$0")/.."

show() {
    printf '\n$ %s\n\n' "$*"
    "$@"
    [ $? -le 1 ] || exit 2
}

show numafit fit examples/flavors.json examples/hosts/dual-xeon.yaml \
    --flavor nfv.large --flavor c1.isolated2
show numafit fit examples/flavors.json examples/hosts/epyc-nps4.yaml \
    --flavor hpc.quad --strategy closest
show numafit fit examples/flavors.json examples/hosts/edge-gold.json \
    --flavor nfv.huge --flavor db.uneven
show numafit fit examples/flavor-router.json examples/hosts/dual-xeon.yaml \
    examples/hosts/edge-gold.json --image examples/images/vnf-router.json --physnet provider
show numafit capacity examples/flavors.json examples/hosts/*

# where it is, and what to ask next
here=$(dirname "$(command -v numafit)")
cat <<END

numafit is $here/numafit. For this shell to find it:

    export PATH="$here:\$PATH"

What people ask it: docs/guide/recipes.md. What it can be asked: numafit --help
END
