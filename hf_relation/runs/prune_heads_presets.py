"""Values of the presets of pruning runs."""

from __future__ import annotations

from typing import Any


# Ma et al., "Contributions of Transformer Attention Heads in Multi- and Cross-lingual Tasks", ACL 2021, sections 3 and 4. The
# paper says "fine-tune with the hyper-parameters of Hugging Face's examples", whose batch size and length were these.
ACL2021: dict[str, Any] = {
    "num_train_epochs": 3,
    "learning_rate": 5e-5,
    "batch_size": 32,
    "max_length": 128,
    "method": "gate",
    "normalize": "l1",
    "rank_on": "validation",
    "max_heads": 12,
    "stop": "first_drop",
    "retrain": True,
}
