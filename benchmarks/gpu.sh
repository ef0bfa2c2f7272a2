#!/usr/bin/env bash
# All measurements on a GPU in under nine minutes, on JAX: quick studies with one process and with four, training steps
# beside their floor, and the published study projected. It needs no TensorFlow. The tables also go to the folder of the
# first argument. On a CPU, SMALL=yes tries the script with a few steps of each.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-gpu_tables}
mkdir -p "$out"
export KERAS_BACKEND=jax PYTHONUNBUFFERED=1
JAX_COMPILATION_CACHE_DIR=$(realpath "$out")/cache  # It is empty at first, as on a new machine.
export JAX_COMPILATION_CACHE_DIR
floor=(--steps 250 --configs "denoising Grid Search" "denoising Optuna" "inversion Grid Search" "inversion Optuna")
projected=(--networks 30 --steps 25 --minutes 4)
trials=12
if [ -n "${SMALL:-}" ]; then
    floor=(--steps 2 --configs "denoising Grid Search") projected=(--networks 1 --steps 1) trials=1
fi
command -v nvidia-smi >/dev/null && nvidia-smi --list-gpus

study() { # its name and further options; prints how long a quick study takes, from the command to its last line
    local name=$1 started ended
    shift
    started=$(date +%s.%N)
    python3 run_InversionML_HPO_Paper.py --n-trials "$trials" --study-name "$name" --output "$out/$name" "$@" \
        >"$out/$name.log" 2>&1 || tail -20 "$out/$name.log"
    ended=$(date +%s.%N)
    awk -v a="$started" -v b="$ended" -v n="$trials" -v name="$name" \
        'BEGIN { printf "%-28s %7.1f s, %5.1f s per trial\n", name, b - a, (b - a) / n }' | tee -a "$out/studies.txt"
}

: >"$out/studies.txt"
study first_run_four_processes --workers 4
study again_one_process
study again_four_processes --workers 4
python3 -m benchmarks.bench_training --floor "${floor[@]}" --json "$out/floor.json" | tee "$out/floor.txt"
python3 -m benchmarks.bench_projection "${projected[@]}" --json "$out/projection.json" | tee "$out/projection.txt"
printf '\n== All tables\n'
cat "$out/studies.txt" "$out/floor.txt"
tail -1 "$out/projection.txt"
