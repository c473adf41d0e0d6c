#!/usr/bin/env bash
# Check and benchmark VLPose on a machine with a GPU and no network, in at most 9 minutes:
#
#     projects/benchmark/gpu.sh [--out FOLDER] [--device cpu] [--minutes N] [--case CASE]
#         [--batch-size N] [--rounds N] [STEP ...]
#
# Without a STEP it runs those that fit into this time; `gpu_steps.py` lists the others.
# CASE, batch size and rounds cut what a benchmark measures.
# The machine has CPython 3.12 with PyTorch, torchvision, NumPy, transformers, SciPy, OpenCV,
# rich, matplotlib, pandas, onnx, onnxruntime, onnxscript and pytest. Everything else comes
# from .wheels/, which git ignores. Fill it in the checkout where there is a network, with
#
#     projects/benchmark/gpu.sh --fill-wheels [PYTHON3.12]
#
# and copy it along. Results go to FOLDER, which is $OUT or work_dirs/gpu by default.
set -euo pipefail
cd "$(dirname "$0")/../.."

WHEELS=.wheels
# xtcocotools is not among them: it has no wheel, and pycocotools stands in.
PACKAGES=(mmengine==0.10.7 mmcv-lite==2.1.0 mmpose==1.3.2 mmdet==3.3.0 addict==2.4.0
  yapf==0.43.0 platformdirs==4.14.7 termcolor==3.3.0 munkres==3.0.0 terminaltables==3.1.10
  shapely==2.2.0 json-tricks==3.17.3 pycocotools==2.0.11 setuptools==80.10.2 six==1.17.0
  pytest-timeout==2.4.0 rtmlib==0.0.16)

if [ "${1:-}" = --fill-wheels ]; then
  python="${2:-python3.12}"
  mkdir -p "$WHEELS"
  "$python" -m pip download --no-deps --only-binary=:all: --dest "$WHEELS" "${PACKAGES[@]}"
  exit
fi

PYTHON="${PYTHON:-python3}"
site="$(mktemp -d)"
trap 'rm -rf "$site"' EXIT
"$PYTHON" -m pip install --quiet --no-index --no-deps --target "$site" "$WHEELS"/*.whl
export PYTHONPATH="$PWD:$site" PYTHONWARNINGS=ignore PYTHONUNBUFFERED=1
"$PYTHON" -m projects.benchmark.gpu_steps "$@"
