"""Models whose folders hold a card, on disk and on the Hub."""

from __future__ import annotations

import os
from typing import Any

from hf_relation.cards.adapter_card import write_adapter_card
from hf_relation.cards.config_card import config_card
from hf_relation.cards.generated import CARD, may_replace, read_standing, write_generated
from hf_relation.data.atomic import atomic_file


class WithCard:
    """The part of a `PreTrainedModel` that writes a card (`README.md`) where it saves the weights.

    The card says what the settings say, see [`~hf_relation.cards.config_card`]. It is renewed with every save, for as long as
    nobody changes it; a card that somebody wrote, or that a training run wrote with its figures, stays as it is.
    """

    config: Any
    _standing_card: str | None = None

    def save_pretrained(
        self,
        save_directory: str | os.PathLike[str],
        is_main_process: bool = True,
        state_dict: dict[str, Any] | None = None,
        push_to_hub: bool = False,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """As `PreTrainedModel.save_pretrained`; the folder also gets a card, unless it has one."""
        # Where it pushes, transformers puts the card of the repository, or an empty one, over the card of the folder.
        self._standing_card = read_standing(save_directory)
        try:
            result = super().save_pretrained(  # type: ignore[misc]
                save_directory, is_main_process, state_dict, push_to_hub, *args, **kwargs
            )
        finally:
            self._standing_card = None
        if is_main_process and not push_to_hub and os.path.isdir(save_directory):
            self._write_card(save_directory)
        return result

    def _upload_modified_files(self, working_dir: str | os.PathLike[str], *args: Any, **kwargs: Any) -> Any:
        # What pushing by `push_to_hub` and by `save_pretrained(push_to_hub=True)` have in common. The card that lies there now
        # is that of the repository, or transformers' empty template.
        if may_replace(self._standing_card):
            self._write_card(working_dir)
        else:
            with atomic_file(os.path.join(working_dir, CARD)) as stream:
                stream.write(str(self._standing_card).encode("utf-8", errors="replace"))
        return super()._upload_modified_files(working_dir, *args, **kwargs)  # type: ignore[misc]

    def _write_card(self, folder: str | os.PathLike[str]) -> None:
        model: Any = self
        if getattr(
            self, "_hf_peft_config_loaded", False
        ):  # transformers then saves adapters, and no weights of the model
            write_adapter_card(folder, config=self.config)
            return
        header, body = config_card(
            self.config, parameters=model.num_parameters(), dtype=str(model.dtype).removeprefix("torch.")
        )
        write_generated(folder, header, body)
