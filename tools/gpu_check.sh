#!/usr/bin/env bash
# On a machine with a GPU: the cuda tests, then the benchmarks, whose JSON goes to $1, or $OUT, or docs/benchmarks.
# Takes under 8 minutes. advloss need not be installed, what it imports must be. PYTHON names another interpreter.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=$(realpath -m "${1:-${OUT:-$root/docs/benchmarks}}")
cd "$root"
python=${PYTHON:-python3}
export PYTHONPATH=".${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1

if ! "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
    echo "gpu_check: $python has no PyTorch that finds a CUDA device here" >&2
    exit 1
fi
mkdir -p "$target"

# -p no:cacheprovider: nothing is left in the checkout
"$python" -m pytest -m cuda -p no:cacheprovider

benchmark() { # NAME SUB-COMMAND ARGUMENTS...: a benchmark that fails or hangs does not stop the others
    echo "== $1"
    if ! timeout 90 "$python" tools/benchmark.py "${@:2}" --out "$target/$1.json" >/dev/null; then
        echo "gpu_check: $1 failed" >&2
        failed=1
    fi
}

failed=0
for recipe in cyclegan pix2pix; do
    for precision in fp32 bf16; do
        benchmark "round-$recipe-$precision" round --recipe "$recipe" --size 256 --batch 1 \
            --device cuda --precision "$precision" --rounds 50
    done
    benchmark "round-$recipe-bf16-batch-16" round --recipe "$recipe" --size 256 --batch 16 \
        --device cuda --precision bf16 --rounds 10
done
benchmark adversarial adversarial --device cuda --pairs 30
for network in msrresnet rrdbnet; do
    benchmark "upscale-$network-1000" upscale --network "$network" --height 1000 --width 1000 --device cuda
done
benchmark data data
echo "gpu_check: results in $target"
exit "$failed"
