"""Making the model classes and pipeline tasks known to transformers.

`import hf_relation` must make `pipeline("open-relation-discovery")` work, and yet cost nothing to a program (such as
our command line's `--help`) that never touches transformers. So the registration runs at once if transformers is
already imported, and otherwise right after it is, through an import hook that then removes itself.

The registration imports models, processors and pipelines, and no package that transformers would not have imported
itself: what only some calls need (scikit-learn, scipy) is imported by these calls.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType


# Rooms that import transformers. It must be imported, and the registration done, before one of them starts to load:
# in the middle of it, the registration would meet half a module.
_ROOMS_ON_TRANSFORMERS = {
    f"hf_relation.{room}"
    for room in (
        "cards",
        "embedding",
        "extraction",
        "models",
        "pipelines",
        "processing",
        "runs",
        "training",
    )
}
_done = False


def register() -> None:
    """Register configs, models, processor and pipeline tasks with transformers; harmless when repeated."""
    global _done
    if _done:
        return
    _done = True
    from transformers import AutoConfig, AutoModel, AutoModelForPreTraining, AutoProcessor

    from hf_relation.models.relation_cnn import RelationCNNConfig, RelationCNNModel
    from hf_relation.processing import DocumentProcessor, RelationProcessor

    # An encoder comes first: configs of models over it may be built while the rooms below are imported.
    AutoConfig.register(RelationCNNConfig.model_type, RelationCNNConfig, exist_ok=True)
    AutoModel.register(RelationCNNConfig, RelationCNNModel, exist_ok=True)
    AutoProcessor.register(RelationCNNConfig, RelationProcessor, exist_ok=True)

    from hf_relation import pipelines
    from hf_relation.models.finecl import FineCLConfig, FineCLForPreTraining, FineCLModel
    from hf_relation.models.kernel_re import KernelREConfig, KernelREModel
    from hf_relation.models.more import MOREConfig, MOREModel
    from hf_relation.models.multitask import MultiTaskConfig, MultiTaskModel
    from hf_relation.models.pair_classification import PairClassificationConfig, PairClassificationModel
    from hf_relation.models.rocore import RoCOREConfig, RoCOREModel
    from hf_relation.models.siamese_ure import SiameseUREConfig, SiameseUREModel

    for config_class, model_class in (
        (MOREConfig, MOREModel),
        (RoCOREConfig, RoCOREModel),
        (SiameseUREConfig, SiameseUREModel),
    ):
        AutoConfig.register(config_class.model_type, config_class, exist_ok=True)
        AutoModel.register(config_class, model_class, exist_ok=True)
        AutoProcessor.register(config_class, RelationProcessor, exist_ok=True)
    AutoConfig.register(FineCLConfig.model_type, FineCLConfig, exist_ok=True)
    AutoModel.register(FineCLConfig, FineCLModel, exist_ok=True)
    AutoModelForPreTraining.register(FineCLConfig, FineCLForPreTraining, exist_ok=True)
    AutoProcessor.register(FineCLConfig, DocumentProcessor, exist_ok=True)
    AutoConfig.register(KernelREConfig.model_type, KernelREConfig, exist_ok=True)
    AutoModel.register(KernelREConfig, KernelREModel, exist_ok=True)
    AutoProcessor.register(KernelREConfig, DocumentProcessor, exist_ok=True)
    AutoConfig.register(PairClassificationConfig.model_type, PairClassificationConfig, exist_ok=True)
    AutoModel.register(PairClassificationConfig, PairClassificationModel, exist_ok=True)
    AutoProcessor.register(PairClassificationConfig, DocumentProcessor, exist_ok=True)
    AutoConfig.register(MultiTaskConfig.model_type, MultiTaskConfig, exist_ok=True)
    AutoModel.register(MultiTaskConfig, MultiTaskModel, exist_ok=True)
    pipelines.register()


def register_when_imported() -> None:
    """Run [`register`] now if transformers is imported, else as soon as it is."""
    if "transformers" in sys.modules:
        register()
    elif not any(isinstance(finder, _AfterTransformers) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AfterTransformers())


class _AfterTransformers(importlib.abc.MetaPathFinder):
    """Steps aside for every import but the first of `transformers`, or of a room that needs it.

    It stays until transformers was executed without an error: programs also look for transformers only to see whether
    it is there (`importlib.util.find_spec`), and a failed import may be tried again.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name == "transformers":
            return self._registering_spec(name, path, target)
        if name in _ROOMS_ON_TRANSFORMERS:
            importlib.import_module("transformers")
            if name in sys.modules:
                # The registration has loaded the room: give the import what is there. The import system takes the
                # spec of the module it finds in `sys.modules` over the one returned here, so the two must be one.
                module = sys.modules[name]
                module.__spec__ = importlib.util.spec_from_loader(name, _LoadedAlready(module))
                return module.__spec__
        return None

    def _registering_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> importlib.machinery.ModuleSpec | None:
        spec = self._spec_of_others(name, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                if self in sys.meta_path:
                    sys.meta_path.remove(self)
                register()

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec

    def _spec_of_others(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> importlib.machinery.ModuleSpec | None:
        """What the import would find without this finder; an editable installation, say, has a finder of its own."""
        finders = list(sys.meta_path)
        # Those before this one have been asked already, and may ask this one in turn.
        for finder in finders[finders.index(self) + 1 :] if self in finders else finders:
            if hasattr(finder, "find_spec") and (spec := finder.find_spec(name, path, target)) is not None:
                return spec
        return None


class _LoadedAlready(importlib.abc.Loader):
    def __init__(self, module: ModuleType) -> None:
        self.module, self.spec = module, module.__spec__

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec
