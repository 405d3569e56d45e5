"""Other libraries that keep a model's activations; None if they aren't installed.

Each is two functions of padded ids, (B, T): one returns the attention weights of each
layer, the other the surprisal of each token but the first.
"""

import torch


def surprisal(logits, ids):
    """Return the surprisal of each token but the first of padded texts."""
    predicted = logits[:, :-1].flatten(0, 1)
    following = ids[:, 1:].flatten()
    return torch.nn.functional.cross_entropy(predicted, following, reduction="none")


def lens_model(lm):
    """Return TransformerLens's model around ours, or None if it isn't installed."""
    try:
        from transformer_lens.model_bridge import TransformerBridge
    except ModuleNotFoundError as error:
        print(f"skipping TransformerLens: {error}")
        return None
    return TransformerBridge.boot_transformers(
        str(lm.source.folder), hf_model=lm.module
    )


def transformer_lens(lm):
    model = lens_model(lm)
    if model is None:
        return None

    def weights(ids):
        _, cache = model.run_with_cache(
            ids, names_filter=lambda name: name.endswith("hook_pattern")
        )
        return [*cache.values()]

    def losses(ids):
        return model(ids, return_type="loss", loss_per_token=True)

    return weights, losses


def nnsight(lm):
    try:
        from nnsight import NNsight, save
    except ModuleNotFoundError as error:
        print(f"skipping nnsight: {error}")
        return None
    model = NNsight(lm.module)
    if lm.card.name == "toy":
        layers = [layer.attn for layer in model.transformer.h]
    else:
        layers = [layer.self_attn for layer in model.model.layers]

    def weights(ids):
        with model.trace(input_ids=ids, use_cache=False, logits_to_keep=1):
            kept = save([layer.output[1] for layer in layers])
        return kept

    def losses(ids):
        with model.trace(input_ids=ids, use_cache=False):
            logits = save(model.output.logits)
        return surprisal(logits, ids)

    return weights, losses
