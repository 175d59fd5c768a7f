"""What goes wrong between a Hub and a loader; run as a child process.

Arguments: a folder with local checkpoints (`model`, `extractor`), and the file to write. First local checkpoints are loaded
while no connection can be made; then every call must fail, and its outcome is the class and message of the error and of
all its causes.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any


ATTEMPTS: list[str] = []
CONNECT, LOOK_UP = socket.socket.connect, socket.getaddrinfo


def refuse(*arguments: Any, **more: Any) -> Any:
    ATTEMPTS.append(str(arguments[-1]))
    raise AssertionError("a connection was tried")


socket.socket.connect, socket.getaddrinfo = refuse, refuse  # type: ignore[method-assign, assignment]

from peft import PeftModel  # noqa: E402
from transformers import AutoModel, AutoProcessor, pipeline  # noqa: E402

import hf_relation  # noqa: E402, F401  (registers the classes with the Auto classes)
from hf_relation.checkpoints import checkpoint_folder  # noqa: E402
from hf_relation.discovery import RelationDiscovery  # noqa: E402
from hf_relation.extraction import RelationExtractor  # noqa: E402
from hf_relation.training.trainable import add_adapters  # noqa: E402
from tests.common.tiny_documents import sample_documents  # noqa: E402
from tests.common.tiny_tokenizers import sample_instances  # noqa: E402
from tests.hub.outcomes import write_outcomes  # noqa: E402


ROWS = sample_instances(20)


def load_local(folder: Path) -> list[str]:
    """Everything that loads a folder; returns the connections that were tried."""
    ATTEMPTS.clear()
    model, extractor, adapter = str(folder / "model"), str(folder / "extractor"), str(folder / "adapter")
    AutoProcessor.from_pretrained(model)
    adapted = add_adapters(AutoModel.from_pretrained(model), r=2)
    adapted.peft_config["default"].base_model_name_or_path = model
    adapted.save_pretrained(adapter)
    PeftModel.from_pretrained(AutoModel.from_pretrained(model), adapter)
    AutoModel.from_pretrained(adapter)
    RelationDiscovery.from_pretrained(model).fit(ROWS).save_pretrained(folder / "saved")
    RelationDiscovery.from_pretrained(folder / "saved").predict(ROWS)
    pipeline("open-relation-discovery", model=model)(ROWS)
    RelationExtractor.from_pretrained(extractor).extract(sample_documents())
    pipeline("relation-extraction", model=extractor)(sample_documents())
    return ATTEMPTS.copy()


def unblock() -> None:
    socket.socket.connect, socket.getaddrinfo = CONNECT, LOOK_UP  # type: ignore[method-assign]


def chain(error: BaseException | None) -> list[list[str]]:
    found = []
    while error is not None:
        found.append([type(error).__name__, str(error)])
        error = error.__cause__ or error.__context__
    return found


def failing(call: Callable[[], Any]) -> list[list[str]]:
    try:
        call()
    except Exception as error:
        return chain(error)
    raise AssertionError("no error")


def discover(name: str, **options: Any) -> Any:
    return RelationDiscovery.from_pretrained(name, **options).fit(ROWS)


def hub_calls() -> dict[str, Callable[[], Any]]:
    calls: dict[str, Callable[[], Any]] = {
        "token": partial(discover, "user/model", token="hf_wrong"),
        "private": partial(discover, "user/secret", token="hf_other"),
        "repository": partial(discover, "user/none"),
        "repository, extractor": partial(RelationExtractor.from_pretrained, "user/none"),
        "repository, pipeline": partial(pipeline, "open-relation-discovery", model="user/none"),
        "revision": partial(discover, "user/model", revision="v9"),
        "weights": partial(discover, "user/no-weights"),
        "weights, bare": partial(discover, "user/no-weights-bare"),
        "tokenizer": partial(discover, "user/no-tokenizer"),
        "no model": partial(discover, "user/empty"),
        "cut": partial(discover, "user/cut"),
        "short": partial(discover, "user/short"),
        "altered": partial(discover, "user/altered"),
        "altered, bare": partial(discover, "user/altered-bare"),
    }
    for number, name in enumerate(["user/ñame", "user/--a", "user/a..b", "user/" + "a" * 97, "user/a b"]):
        calls[f"malformed {number}"] = partial(checkpoint_folder, name)
    return calls


if __name__ == "__main__":
    given, network = Path(sys.argv[1]), sys.argv[2]
    checks: dict[str, Callable[[], Any]] = {"local": partial(load_local, given)}
    if network == "online":
        checks["unblock"] = lambda: (
            vars(socket).update(getaddrinfo=LOOK_UP) or setattr(socket.socket, "connect", CONNECT)
        )
    calls = hub_calls() if network == "online" else {"repository": partial(discover, "user/none")}
    checks |= {name: partial(failing, call) for name, call in calls.items()}
    checks["attempts"] = lambda: ATTEMPTS
    write_outcomes(checks, given / f"{network}.json")
