"""One turn: privacy, triage, policy, intake, retrieval, generation, verification, audit."""

import os

# Read when numpy is first imported. A turn multiplies small matrices, and several turns run at once: where the cores are busy,
# OpenBLAS's threads wait for each other a hundred times as long as the product itself takes.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
