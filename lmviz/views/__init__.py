"""Figures to play with: arrays and strings in, objects that show themselves out."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "bars": ["prediction"],
        "base": ["View"],
        "clouds": ["embeddings"],
        "explorer": ["whole_way"],
        "grid": ["lens"],
        "maps": ["attention"],
        "strips": ["tokens"],
        "waves": ["positions"],
    },
)
