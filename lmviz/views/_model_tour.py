"""The steps of the tour of `model`: what each one shows, sets and explains.

A step names parts of the page. It may choose a head, a mode of the drawing of the whole
model, or an ablation; `load` says that the model itself must run. Values in braces are
measured in the page.
"""

TOUR = [
    {
        "part": "text",
        "text": "The text is split into {n} tokens; ␣ is a space. The line under a "
        "token shows its surprisal, the negative logarithm of its "
        "probability, in nats (natural logarithm): {surprise} has the most, "
        "{nats} nats. The model has read everything before a token, and "
        "nothing after it.",
    },
    {
        "part": "whole",
        "mode": "attention",
        "text": "This is the whole model: {layers} layers of {heads} attention heads "
        "and an MLP each, from left to right. A tile is a head. Its colour is "
        "strong if {word} attends to another token than the first one.",
    },
    {
        "part": "whole",
        "text": "The curve shows how the prediction after {word} forms: {answer} has "
        "rank {first} of {others} before layer 0, and is first only after "
        "layer {since}. The words below the curve are those that each layer "
        "would predict if it were the last: the logit lens.",
    },
    {
        "part": "head-card text",
        "head": [23, 4],
        "text": "One head, large: rows are queries, columns are keys. In head {head}, "
        "{word} attends to {key} with weight {weight}; the arc in the text "
        "shows the same weight. Choose other heads with the arrows, or press "
        "a tile.",
    },
    {
        "part": "whole",
        "mode": "contribution",
        "text": "Each part adds its output to the stream, so the final logits are a "
        "sum. The tiles show what each part adds to the logit difference "
        "between {answer} and {runner}: violet raises it, orange with a minus "
        "lowers it. The line above adds them up to {sum}.",
    },
    {
        "part": "verdict",
        "head": [23, 4],
        "text": "Head {head} contributes {direct} to this difference directly. A "
        "large contribution is not yet a large effect: other heads may read "
        "what it writes, or replace it. The next steps find out.",
    },
    {
        "part": "next",
        "text": "The softmax turns {others} logits into probabilities. {answer} gets "
        "{p}. Point at a bar to see its arithmetic.",
    },
    {
        "part": "head-card verdict next",
        "head": [23, 4],
        "off": [[23, 4]],
        "load": True,
        "text": "Now head {head} is ablated: its output is zero at every position, "
        "and all later layers are computed again. The probability of {answer} "
        "falls from {p} to {now}.",
    },
    {
        "part": "next verdict",
        "head": [23, 4],
        "off": [[23, 4]],
        "load": True,
        "text": "Filled bars are without the head, dashed ones with all heads. What "
        "rises instead? Other capitals: the form of the answer remains, but "
        "not the country.",
    },
    {
        "part": "verdict",
        "load": True,
        "text": "A single head was one choice of many. “Try all 270 heads” ablates "
        "each of them once and ranks them by the change of the "
        "log-probability of {answer}. Most change little; a few matter. It takes "
        "some seconds and can be stopped.",
    },
    {
        "part": "text",
        "load": True,
        "text": "Write any text of up to 128 tokens, or choose an example. Press a "
        "next token to append it, or “Continue” to let the model write. The "
        "menu at the top right copies a link to this text and these heads, or "
        "a Python program with the same numbers.",
    },
    {
        "part": "text",
        "text": "The second model is the toy, with 3 layers of 4 heads. It was "
        "trained on a language whose grammar gives the true probabilities, "
        "which are marked beside its own. Its switch is above, beside the "
        "text.",
    },
]
