"""What happens inside a language model, computed and shown.

Five chapters (`tokenization`, `embeddings`, `positions`, `attention`,
`prediction`), a model to run them on (`load`), the model's own tensors under
one set of names (`weights`) and figures (`plots`). Everything is imported on
first use, so ``import lmviz`` costs next to nothing.
"""

import lazy_loader

__version__ = "0.1.0"

_lazy_getattr, _lazy_dir, _names = lazy_loader.attach(
    __name__,
    submodules=[
        "ablation",
        "attention",
        "byte_level",
        "byte_pairs",
        "corpus",
        "embeddings",
        "families",
        "glyphs",
        "heads",
        "parts",
        "plots",
        "positions",
        "prediction",
        "surprise",
        "tokenization",
        "transformer",
        "views",
        "weights",
    ],
    submod_attrs={
        "card": ["Card"],
        "models": ["LanguageModel", "load", "load_tokenizer"],
        "errors": ["SourceError"],
        "trace": ["Trace"],
    },
)
__getattr__, __dir__, __all__ = _lazy_getattr, _lazy_dir, _names
