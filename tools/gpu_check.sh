#!/usr/bin/env bash
# Runs the cuda tests on a machine with a GPU, then the benchmarks, whose JSON goes to $1, or $OUT, or docs/benchmarks.
# Takes under 8 minutes. What does not fit into this time is left out and named, and the exit code is then 1. advloss need
# not be installed, but its dependencies must be. No weights are downloaded.
# PYTHON: another interpreter. LIMIT: seconds in all. PEERS: a folder with checkouts of pytorch-CycleGAN-and-pix2pix,
# contrastive-unpaired-translation, BasicSR and taming-transformers (a folder's name may begin with something else): their
# iterations are compared with ours.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=$(realpath -m "${1:-${OUT:-$root/docs/benchmarks}}")
peers=${PEERS:+$(realpath "$PEERS")}
cd "$root"
python=${PYTHON:-python3}
limit=${LIMIT:-470}
export PYTHONPATH=".${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1

if ! "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
    echo "gpu_check: $python has no PyTorch that finds a CUDA device here" >&2
    exit 1
fi
mkdir -p "$target"
failed=0

# -p no:cacheprovider: pytest writes nothing into the checkout
timeout 180 "$python" -m pytest -m cuda -p no:cacheprovider || failed=1

benchmark() { # NAME SUB-COMMAND ARGUMENTS...: a benchmark that fails or hangs does not stop the others
    local left=$((limit - SECONDS))
    if ((left < 15)); then
        echo "gpu_check: $1 left out, there is no time" >&2
        failed=1
        return
    fi
    echo "== $1 (at $SECONDS s)"
    if ! timeout $((left < 90 ? left : 90)) "$python" tools/benchmark.py "${@:2}" --out "$target/$1.json" >/dev/null; then
        echo "gpu_check: $1 failed" >&2
        failed=1
    fi
}

checkout() { # PROJECT: its folder in $PEERS, or nothing
    local folder
    for folder in "${peers:-/nowhere}"/*"$1"; do
        if [[ -d $folder ]]; then echo "$folder"; fi
    done | head -n 1
}

iteration() { # NAME PEER ARGUMENTS...: an iteration beside the peer's, or where there is none, in fp32 and auto
    local peer
    peer=$(checkout "$2")
    if [[ -n $peer ]]; then
        benchmark "iteration-$1-cuda-peer" iteration --device cuda "${@:3}" --pairs 9 --peer "$peer"
    else
        benchmark "iteration-$1-cuda" iteration --device cuda "${@:3}" --iterations 30
        benchmark "iteration-$1-cuda-fp32" iteration --device cuda "${@:3}" --iterations 30 --precision fp32
    fi
}

junyanz=pytorch-CycleGAN-and-pix2pix
iteration cyclegan $junyanz --recipe cyclegan --size 256 --batch 1
iteration pix2pix $junyanz --recipe pix2pix --size 256 --batch 1
srgan=(--recipe srgan --batch 16)
if [[ -n $(checkout BasicSR) ]]; then # whose settings are the peer's: 128 px
    iteration srgan BasicSR "${srgan[@]}" --size 128
else
    iteration srgan BasicSR losses.content.pretrained=false initial=null "${srgan[@]}" --size 96
fi
vqgan=(losses.perceptual.pretrained=false losses.adversarial.start=0 --recipe vqgan-f16 --batch 16 --size 128)
iteration vqgan taming-transformers "${vqgan[@]}"
park=contrastive-unpaired-translation
iteration cut $park --recipe cut --size 256 --batch 1
iteration fastcut $park --recipe fastcut --size 256 --batch 1
basicsr=$(checkout BasicSR)
beside=(${basicsr:+--peer "$basicsr"})
benchmark upscale-msrresnet-cuda upscale --device cuda --network msrresnet "${beside[@]}"
benchmark upscale-rrdbnet-720p-cuda upscale --device cuda --network rrdbnet --height 720 --width 1280 --pairs 5 \
    --only "advloss fp32" advloss "${beside[@]}"
benchmark iteration-cyclegan-loader-cuda iteration --device cuda --recipe cyclegan --size 256 --iterations 10 --data stripes
benchmark tokenizer-cuda tokenizer --device cuda --precision auto --batch 16
benchmark adversarial-cuda adversarial --device cuda --pairs 30
benchmark scaling-cuda scaling --device cuda --seconds 0.5 --plot "$target/scaling-cuda.png"
benchmark data data
echo "gpu_check: results in $target after $SECONDS s"
exit "$failed"
