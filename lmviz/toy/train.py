"""Train the toy: a small GPT-2 on the stories of `lmviz.toy.language`.

What is needed to go on is saved as it goes, so a run that was killed is taken up by
the same command. The stories of a step depend on the step alone.
"""

import hashlib
import itertools
import json
import platform
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from .evaluate import IDS, evaluate, pad
from .grammar import CONTEXT, START, WORDS
from .language import entropy, stories

SIZES = {"n_layer": 3, "n_head": 4, "n_embd": 96, "n_positions": CONTEXT}
# Wide enough that a head hands on from the start which word it has read; with the
# customary 0.02, made for a larger model, it took many times as long to bind a fact.
FIRST_WEIGHTS = 0.1
STEPS = 6_000
BATCH = 32
LEARNING_RATES, WARM_UP = {"muon": 0.01, "adam": 3e-3}, 300
ANSWERS = 4.0
SEED = 0
SAVE_EVERY = 200


def new_model():
    """Make the toy with random weights: a standard GPT-2, without dropout."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(SEED)
    dropout = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0)
    start = {"bos_token_id": IDS[START], "eos_token_id": IDS[START]}
    sizes = {"vocab_size": len(WORDS), "initializer_range": FIRST_WEIGHTS, **SIZES}
    return GPT2LMHeadModel(GPT2Config(**sizes, **dropout, **start))


def new_optimizers(module):
    """Make the optimizers: Muon for the matrices of the blocks, Adam for the rest.

    Muon makes all directions of a step equally large. Most of the gradient is about
    what is easily learned, such as whether a name is a woman's; *which* name it was
    is a small part of it, and what binds a fact to its owner.

    References
    ----------
    Jordan et al., *Muon: An optimizer for hidden layers in neural networks* (2024).
    """
    matrices, tables, vectors = [], [], []
    for name, weight in module.named_parameters():
        kind = vectors if weight.ndim < 2 else matrices if ".h." in name else tables
        kind.append(weight)
    groups = [{"params": tables, "weight_decay": 0.01}, {"params": vectors}]
    rates = LEARNING_RATES
    return {
        "muon": torch.optim.Muon(matrices, lr=rates["muon"], weight_decay=0.01),
        "adam": torch.optim.AdamW(
            groups, lr=rates["adam"], betas=(0.9, 0.99), weight_decay=0.0
        ),
    }


def write_batch(step):
    """Write the stories of one step.

    Parameters
    ----------
    step : int

    Returns
    -------
    ids : torch.Tensor of int, shape (BATCH, CONTEXT)
    weights : torch.Tensor, shape (BATCH, CONTEXT - 1)
        How much each word counts: nothing after the end of a story, and an answer
        to a question more than other words. What is asked follows from the words
        before, so this changes how soon a distribution is learned, and not which.
    floor : float
        The true entropy in nats per word: no model can have a smaller loss for long.
    """
    told = _told(step)
    ids, mask = pad([story.words for story in told])
    weights = mask.float()
    for row, story in enumerate(told):
        for place, kind in enumerate(story.kinds):
            if kind is not None:
                weights[row, place] = ANSWERS
    chances = [entropy(chances) for story in told for chances in story.chances]
    return ids, weights, sum(chances) / len(chances)


def train(folder, *, steps=STEPS, watch=lambda found: None):
    """Train the toy, or go on where an earlier run has stopped.

    Parameters
    ----------
    folder : path-like
        Where the state is kept.
    steps : int, default `STEPS`
    watch : callable, optional
        Called after every step with a dict: step, loss and floor.

    Returns
    -------
    module : transformers.GPT2LMHeadModel
    history : list of dict
        What an evaluation found at the steps of `looks`.
    tables : dict of int to torch.Tensor, shape (CONTEXT, d)
        The position table at these steps.

    Raises
    ------
    ValueError
        If the state in `folder` is of a training with other settings.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    module, state = new_model(), folder / "state.safetensors"
    optimizers = new_optimizers(module)
    first, history, tables, settings = 0, [], {}, _settings(steps)
    if state.is_file():
        first, history, tables = _restore(state, settings, module, optimizers)
    watched = looks(steps)
    for step in range(first, steps + 1):
        if step in watched and step not in tables:
            history.append({"step": step, **evaluate(module, n_stories=300)})
            tables[step] = module.transformer.wpe.weight.detach().clone()
        if step == steps or (step % SAVE_EVERY == 0 and step > first):
            metadata = {"step": str(step), "settings": settings}
            metadata["history"] = json.dumps(history)
            _save(state, metadata, module, optimizers, tables)
        if step == steps:
            break
        ids, weights, floor = write_batch(step)
        for name, optimizer in optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = LEARNING_RATES[name] * _schedule(step, steps)
        logits = module(input_ids=ids).logits[:, :-1]
        losses = torch.nn.functional.cross_entropy(
            logits.transpose(1, 2), ids[:, 1:], reduction="none"
        )
        module.zero_grad()
        ((losses * weights).sum() / weights.sum()).backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        for optimizer in optimizers.values():
            optimizer.step()
        loss = losses[weights > 0].mean().item()
        watch({"step": step + 1, "loss": loss, "floor": floor})
    return module.eval(), history, tables


def looks(steps):
    """Return the steps at which the learning is looked at: often in the beginning."""
    every = {25, 50, *range(0, 1000, 100), *range(1000, steps, 500)}
    return {0, steps} | {step for step in every if step < steps}


def export(folder, module, history, tables):
    """Write the weights, the tokenizer and the history of learning.

    Parameters
    ----------
    folder : path-like
    module, history, tables
        From `train`.

    Returns
    -------
    dict
        What the final evaluation found.
    """
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    found = evaluate(module)
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    metadata = {
        "format": "pt",
        "training": _settings(STEPS),
        "versions": json.dumps(versions | {"python": platform.python_version()}),
        "figures": json.dumps({name: round(x, 5) for name, x in found.items()}),
    }
    weights = {
        name: weight.half().contiguous()
        for name, weight in module.state_dict().items()
        if name != "lm_head.weight"  # the same tensor as the embedding table
    }
    save_file(weights, folder / "model.safetensors", metadata)
    module.config.save_pretrained(folder)
    names = {f"positions.{step}": table.half() for step, table in tables.items()}
    save_file(names, folder / "history.safetensors", {"curve": json.dumps(history)})
    tokenizer = Tokenizer(models.WordLevel(IDS))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A", special_tokens=[(START, IDS[START])]
    )
    tokenizer.add_special_tokens([START])
    tokenizer.save(str(folder / "tokenizer.json"))
    return found


def corpus_hash():
    """Return a fingerprint of the stories: the SHA-256 of those of two steps."""
    text = "\n".join(" ".join(story.words) for i in (0, 1) for story in _told(i))
    return hashlib.sha256(text.encode()).hexdigest()


def _told(step):
    return list(itertools.islice(stories(f"train {SEED} {step}"), BATCH))


def _settings(steps):
    return json.dumps(
        {
            "sizes": SIZES,
            "steps": steps,
            "batch": BATCH,
            "answers": ANSWERS,
            "first_weights": FIRST_WEIGHTS,
            "learning_rates": LEARNING_RATES,
            "warm_up": WARM_UP,
            "seed": SEED,
            "corpus": corpus_hash(),
        }
    )


def _schedule(step, steps):
    """Rise at first, fall to zero over the last third, stay between."""
    return min(1.0, (step + 1) / WARM_UP, 3 * (1 - step / steps))


def _save(path, metadata, module, optimizers, tables):
    tensors = {f"model.{k}": v for k, v in module.state_dict().items()}
    del tensors["model.lm_head.weight"]
    for name, optimizer in optimizers.items():
        for i, kept in optimizer.state_dict()["state"].items():
            tensors |= {f"{name}.{i}.{key}": value for key, value in kept.items()}
    tensors |= {f"positions.{i}": table for i, table in tables.items()}
    whole = path.with_suffix(".new")
    save_file(tensors, whole, metadata)
    whole.replace(path)  # so that a kill leaves the old state or the new one


def _restore(path, settings, module, optimizers):
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        if metadata.get("settings") != settings:
            raise ValueError(
                f"{path} is of a training with other settings; remove it to start "
                "anew, or name another folder with --state"
            )
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    weights, tables, kept = {}, {}, {name: {} for name in optimizers}
    for name, tensor in tensors.items():
        kind, _, rest = name.partition(".")
        if kind == "model":
            weights[rest] = tensor
        elif kind == "positions":
            tables[int(rest)] = tensor
        else:
            i, _, key = rest.partition(".")
            kept[kind].setdefault(int(i), {})[key] = tensor
    module.load_state_dict(weights, strict=False)
    module.tie_weights()
    for name, optimizer in optimizers.items():
        optimizer.load_state_dict(optimizer.state_dict() | {"state": kept[name]})
    return int(metadata["step"]), json.loads(metadata["history"]), tables
