"""The tiny tokenizers: the same in every process, so that a test that fails does so again."""

import pytest

from tests.common.tiny_tokenizers import TOKENIZER_KINDS, _trained


@pytest.mark.parametrize("kind", [*TOKENIZER_KINDS, "modernbert"])
def test_training_again_gives_the_same_tokenizer(kind):
    # The trainers of `tokenizers` go through hash maps whose order is another one each time.
    made = {_trained.__wrapped__(kind).backend_tokenizer.to_str() for _ in range(4)}
    assert len(made) == 1
