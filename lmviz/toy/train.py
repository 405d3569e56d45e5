"""Train the toy: a small GPT-2 on the stories of `lmviz.toy.language`.

Checkpoints are saved regularly, so the same command resumes an interrupted run. The
stories of each step depend only on its number.
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
# Standard deviation of the initial weights. It is large enough for the heads to pass on
# the words that they attend to from the start; with the usual 0.02, chosen for larger
# models, learning to bind a fact to its owner took many times as long.
INIT_STD = 0.1
STEPS = 6_000
BATCH = 32
LEARNING_RATES, WARMUP_STEPS = {"muon": 0.01, "adam": 3e-3}, 300
# Weight of an answer to a question in the loss; other words weigh 1.
ANSWER_WEIGHT = 4.0
SEED = 0
SAVE_EVERY = 200


def new_model():
    """Return an untrained toy: a standard GPT-2 without dropout."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(SEED)
    dropout = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0)
    start = {"bos_token_id": IDS[START], "eos_token_id": IDS[START]}
    sizes = {"vocab_size": len(WORDS), "initializer_range": INIT_STD, **SIZES}
    return GPT2LMHeadModel(GPT2Config(**sizes, **dropout, **start))


def new_optimizers(module):
    """Return the optimizers: Muon for the matrices of the blocks, AdamW for the rest.

    Muon makes the update equally large in all directions. Most of the gradient concerns
    what is learned easily, such as the sex of a name; *which* name it was, on which
    binding a fact to its owner depends, is a small part of it.

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


def make_batch(step):
    """Return the training batch of one step.

    Parameters
    ----------
    step : int

    Returns
    -------
    ids : torch.Tensor of int, shape (BATCH, CONTEXT)
    weights : torch.Tensor, shape (BATCH, CONTEXT - 1)
        Weight of each word in the loss: zero after the end of a story, and larger for
        answers to questions. Whether a word is an answer follows from the words before
        it, so the weights change only how fast the distribution is learned.
    entropy : float
        The mean entropy of the true distributions in nats per word, a lower bound on
        the expected loss.
    """
    batch = _stories_of(step)
    ids, mask = pad([story.words for story in batch])
    weights = mask.float()
    for row, story in enumerate(batch):
        for position, kind in enumerate(story.kinds):
            if kind is not None:
                weights[row, position] = ANSWER_WEIGHT
    entropies = [entropy(probs) for story in batch for probs in story.probs]
    return ids, weights, sum(entropies) / len(entropies)


def train(folder, *, steps=STEPS, on_step=lambda status: None):
    """Train the toy, or resume an interrupted training run.

    Parameters
    ----------
    folder : path-like
        Folder for the checkpoint.
    steps : int, default `STEPS`
    on_step : callable, optional
        Called after every step with a dict of ``"step"``, ``"loss"`` and
        ``"entropy"``.

    Returns
    -------
    module : transformers.GPT2LMHeadModel
    history : list of dict
        The evaluations at the `evaluation_steps`.
    tables : dict of int to torch.Tensor, shape (CONTEXT, d)
        The position embeddings at these steps.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    module, state = new_model(), folder / "state.safetensors"
    optimizers = new_optimizers(module)
    first, history, tables, settings = 0, [], {}, _settings(steps)
    if state.is_file():
        first, history, tables = _restore(state, settings, module, optimizers)
    evaluated = evaluation_steps(steps)
    for step in range(first, steps + 1):
        if step in evaluated and step not in tables:
            history.append({"step": step, **evaluate(module, n_stories=300)})
            tables[step] = module.transformer.wpe.weight.detach().clone()
        if step == steps or (step % SAVE_EVERY == 0 and step > first):
            metadata = {"step": str(step), "settings": settings}
            metadata["history"] = json.dumps(history)
            _save(state, metadata, module, optimizers, tables)
        if step == steps:
            break
        ids, weights, true_entropy = make_batch(step)
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
        on_step({"step": step + 1, "loss": loss, "entropy": true_entropy})
    return module.eval(), history, tables


def evaluation_steps(steps):
    """Return the set of steps at which the toy is evaluated, more often at first."""
    every = {25, 50, *range(0, 1000, 100), *range(1000, steps, 500)}
    return {0, steps} | {step for step in every if step < steps}


def export(folder, module, history, tables):
    """Save the weights, the tokenizer and the history of training.

    Parameters
    ----------
    folder : path-like
    module, history, tables
        From `train`.

    Returns
    -------
    dict of str to float
        The final evaluation, as `lmviz.toy.evaluate.evaluate` returns it.
    """
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    result = evaluate(module)
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    metadata = {
        "format": "pt",
        "training": _settings(STEPS),
        "versions": json.dumps(versions | {"python": platform.python_version()}),
        "figures": json.dumps({name: round(x, 5) for name, x in result.items()}),
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
    # Without it, transformers reads the words as GPT-2's tokens.
    settings = {"tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings) + "\n", "utf-8")
    return result


def corpus_hash():
    """Return the SHA-256 of the stories of steps 0 and 1, to identify the grammar."""
    text = "\n".join(" ".join(story.words) for i in (0, 1) for story in _stories_of(i))
    return hashlib.sha256(text.encode()).hexdigest()


def _stories_of(step):
    return list(itertools.islice(stories(f"train {SEED} {step}"), BATCH))


# The keys are those in the metadata of the published weights.
def _settings(steps):
    return json.dumps(
        {
            "sizes": SIZES,
            "steps": steps,
            "batch": BATCH,
            "answers": ANSWER_WEIGHT,
            "first_weights": INIT_STD,
            "learning_rates": LEARNING_RATES,
            "warm_up": WARMUP_STEPS,
            "seed": SEED,
            "corpus": corpus_hash(),
        }
    )


def _schedule(step, steps):
    """Return the factor on the learning rate: warm-up, constant, linear decay."""
    return min(1.0, (step + 1) / WARMUP_STEPS, 3 * (1 - step / steps))


def _save(path, metadata, module, optimizers, tables):
    tensors = {f"model.{k}": v for k, v in module.state_dict().items()}
    del tensors["model.lm_head.weight"]
    for name, optimizer in optimizers.items():
        for i, state in optimizer.state_dict()["state"].items():
            tensors |= {f"{name}.{i}.{key}": value for key, value in state.items()}
    tensors |= {f"positions.{i}": table for i, table in tables.items()}
    new = path.with_suffix(".new")
    save_file(tensors, new, metadata)
    new.replace(path)  # atomic: an interruption leaves the old file or the new one


def _restore(path, settings, module, optimizers):
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        if metadata.get("settings") != settings:
            raise ValueError(
                f"{path} is the checkpoint of a run with other settings; delete it to "
                "start again, or choose another folder with --state"
            )
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    weights, tables, states = {}, {}, {name: {} for name in optimizers}
    for name, tensor in tensors.items():
        kind, _, rest = name.partition(".")
        if kind == "model":
            weights[rest] = tensor
        elif kind == "positions":
            tables[int(rest)] = tensor
        else:
            i, _, key = rest.partition(".")
            states[kind].setdefault(int(i), {})[key] = tensor
    module.load_state_dict(weights, strict=False)
    module.tie_weights()
    for name, optimizer in optimizers.items():
        optimizer.load_state_dict(optimizer.state_dict() | {"state": states[name]})
    return int(metadata["step"]), json.loads(metadata["history"]), tables
